"""Hidden states of the frozen model at the row that is judged, for many samples.

The forward is transformers' own with plain causal attention over trunk and utterance, which is
what the engine's mask leaves visible to an input channel.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from transformers import PreTrainedModel

MAX_BATCH_TOKENS = 2048
FINAL_LAYER = -1

Advance = Callable[[int], None]


def read_features(
    network: "PreTrainedModel",
    token_lists: Sequence[Sequence[int]],
    layers: Sequence[int],
    advance: Advance = lambda num_rows: None,
) -> Tensor:
    """Hidden states of every list's last token, float32 `[lists, len(layers) * hidden_size]`.

    `layers` are named as in an adapter: `-1` the final-norm state, `i >= 0` decoder layer `i`'s
    output. `advance` hears the number of rows after each batch. Rows do not depend on how they
    were batched beyond float rounding.
    """
    rows: list[Tensor | None] = [None] * len(token_lists)
    for batch in batches_by_length(token_lists):
        hidden = _last_rows(network, [token_lists[index] for index in batch], layers)
        for index, row in zip(batch, hidden, strict=True):
            rows[index] = row
        advance(len(batch))
    found = [row for row in rows if row is not None]
    assert len(found) == len(token_lists)
    return torch.stack(found)


def batches_by_length(token_lists: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Indices in batches of similar length, so that little is computed for padding."""
    order = sorted(range(len(token_lists)), key=lambda index: len(token_lists[index]))
    batch: list[int] = []
    for index in order:
        if batch and (len(batch) + 1) * len(token_lists[index]) > MAX_BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


@torch.inference_mode()
def _last_rows(
    network: "PreTrainedModel", token_lists: Sequence[Sequence[int]], layers: Sequence[int]
) -> Tensor:
    """`[batch, len(layers) * hidden_size]` on the CPU, float32."""
    longest = max(map(len, token_lists))
    # Padding stands behind the last token, where causal attention never looks.
    padded = torch.tensor([[*tokens, *[0] * (longest - len(tokens))] for tokens in token_lists])
    ends = torch.tensor([len(tokens) - 1 for tokens in token_lists])
    places = (torch.arange(len(ends)), ends)
    with reading_rows(network, layers, places) as rows:
        base: Any = network.base_model
        final = base(input_ids=padded.to(network.device), use_cache=False).last_hidden_state
    rows[FINAL_LAYER] = final[places]
    return torch.cat([rows[layer] for layer in layers], dim=-1).float().cpu()


@contextmanager
def reading_rows(
    network: "PreTrainedModel", layers: Sequence[int], places: tuple[Tensor, Tensor]
) -> Iterator[dict[int, Tensor]]:
    """During the block, decoder layers leave their output at these places in the dictionary.

    `places` are the batch and the row of each state. The final state is not among them: it is what
    the network's body returns.
    """
    rows: dict[int, Tensor] = {}

    def keep(layer: int) -> Callable[..., None]:
        def hook(_module: object, _inputs: object, output: Any) -> None:
            states = output[0] if isinstance(output, tuple) else output  # [batch, tokens, width]
            rows[layer] = states[places]

        return hook

    decoder: Any = network.base_model
    handles = [
        decoder.layers[layer].register_forward_hook(keep(layer))
        for layer in sorted(set(layers) - {FINAL_LAYER})
    ]
    try:
        yield rows
    finally:
        for handle in handles:
            handle.remove()
