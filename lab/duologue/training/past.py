"""Attention to a past that was computed before: how training reads an input channel.

Many utterances go through the network at once, each behind a trunk whose keys and values are known.
As in the engine, a row sees its whole trunk and its own utterance up to itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from duologue.forward.slot_rows import capped

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ATTENTION_NAME = "duologue_past"

LayerPast = tuple[Tensor, Tensor]
"""Keys and values of one layer, `[batch, kv_heads, tokens, dim]` each."""


@dataclass(slots=True)
class PastBatch:
    """The trunks of one batch of utterances, padded at their ends to the longest.

    `layers` holds the keys and values of the trunks; without any, attention is plainly causal. The
    utterances' own keys and values in the layers `records` are left in `recorded`.
    """

    lengths: Tensor  # [batch]
    layers: Mapping[int, LayerPast] = field(default_factory=dict)
    records: frozenset[int] = frozenset()
    recorded: dict[int, LayerPast] = field(default_factory=dict)
    _biases: dict[int | None, Tensor] = field(default_factory=dict)

    @classmethod
    def nothing(cls, batch: int, records: frozenset[int] = frozenset()) -> "PastBatch":
        """For sequences that have no past."""
        return cls(torch.zeros(batch, dtype=torch.long), records=records)

    @classmethod
    def padded(cls, trunks: Sequence[Tensor], first: int) -> "PastBatch":
        """Trunks side by side, each `[layers, 2, kv_heads, tokens, dim]` from layer `first` on."""
        lengths = torch.tensor([trunk.shape[3] for trunk in trunks])
        layers, sides, heads, _, dim = trunks[0].shape
        joined = trunks[0].new_zeros(layers, sides, len(trunks), heads, int(lengths.max()), dim)
        for place, trunk in enumerate(trunks):
            joined[:, :, place, :, : trunk.shape[3]] = trunk
        return cls(lengths, {first + i: (pair[0], pair[1]) for i, pair in enumerate(joined)})

    def positions(self, num_rows: int) -> Tensor:
        """Where the utterances' rows stand, `[batch, rows]`."""
        return self.lengths[:, None] + torch.arange(num_rows)

    def bias(self, num_rows: int, window: int | None, dtype: torch.dtype) -> Tensor:
        """0 where a row may look, else the lowest number; `[batch, 1, 1, rows, past + rows]`."""
        if window not in self._biases:
            longest = next(iter(self.layers.values()))[0].shape[2] if self.layers else 0
            places = torch.arange(longest)
            own = self.positions(num_rows)
            cells = torch.cat([places.expand(len(own), -1), own], dim=1)  # [batch, cells]
            exists = torch.cat([places < self.lengths[:, None], own >= 0], dim=1)
            visible = exists[:, None] & (cells[:, None] <= own[:, :, None])
            if window is not None:
                visible &= cells[:, None] > own[:, :, None] - window
            bias = torch.zeros(visible.shape, dtype=dtype)
            bias.masked_fill_(~visible, torch.finfo(dtype).min)
            self._biases[window] = bias[:, None, None]
        return self._biases[window]


def past_attention(
    module: nn.Module,
    query: Tensor,  # [batch, heads, rows, dim]
    key: Tensor,  # [batch, kv_heads, rows, dim]
    value: Tensor,  # [batch, kv_heads, rows, dim]
    attention_mask: Tensor | None,
    *,
    scaling: float,
    duologue_past: PastBatch,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attend to the past of each utterance and to its own rows."""
    layer: Any = module.layer_idx
    past = duologue_past
    if layer in past.records:
        past.recorded[layer] = (key, value)
    if layer in past.layers:
        keys, values = past.layers[layer]
        key, value = torch.cat([keys, key], dim=2), torch.cat([values, value], dim=2)
    batch, heads, rows, dim = query.shape
    kv_heads, cells = key.shape[1:3]
    # The query heads that share a key head share its product.
    grouped = (query * scaling).reshape(batch * kv_heads, -1, dim)
    scores = torch.bmm(grouped, key.reshape(-1, cells, dim).transpose(1, 2))
    scores = capped(scores.view(batch, kv_heads, -1, rows, cells), softcap)
    weights = (scores + past.bias(rows, sliding_window, scores.dtype)).softmax(dim=-1)
    mixed = torch.bmm(weights.view(batch * kv_heads, -1, cells), value.reshape(-1, cells, dim))
    return mixed.view(batch, heads, rows, dim).transpose(1, 2), None


@contextmanager
def attending_to_past(network: "PreTrainedModel") -> Iterator[None]:
    """While this lasts, the network attends by `past_attention`; then as it did before."""
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION_NAME, past_attention)
    before = network.config._attn_implementation
    network.set_attn_implementation(ATTENTION_NAME)
    try:
        yield
    finally:
        network.set_attn_implementation(before)
