"""What the adapted layers are fed while they learn, computed once by the frozen model.

Behind a trunk, an utterance needs two things of the layers that stay as they are: the trunk's keys
and values in the layers that learn, and its own rows as they enter the first of these.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from duologue.training.features import Advance, batches_by_length
from duologue.training.past import PastBatch, attending_to_past

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from duologue.model.loading import LoadedModel

PART_ROWS = 500

Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FrozenPart:
    """Some utterances as the first layer that learns meets them, with the trunks behind them."""

    entering: list[Tensor]
    """Per utterance, `[rows, hidden_size]`."""
    trunks: list[Tensor]
    """Per different trunk, `[layers, 2, kv_heads, tokens, dim]`: keys and values."""
    trunk_of: list[int]
    """Per utterance, which of the trunks is its own."""


@dataclass(frozen=True, slots=True)
class FrozenReader:
    """Runs utterances up to layer `first` and keeps trunks for the layers `first` to `last`."""

    loaded: "LoadedModel"
    first: int
    last: int
    folder: Path | None = None

    def read(
        self, utterances: Sequence[tuple[Tokens, Tokens]], advance: Advance = lambda n: None
    ) -> Iterator[FrozenPart]:
        """Pairs of trunk and utterance, a part at a time, in their order."""
        for start in range(0, len(utterances), PART_ROWS):
            pairs = utterances[start : start + PART_ROWS]
            path = self._path(pairs)
            if path is not None and path.is_file():
                tensors = load_file(path)
            else:
                tensors = self._compute(pairs)
                if path is not None:
                    _save(tensors, path)
                    tensors = load_file(path)  # mapped from the disk: what is kept may be large
            yield self._part(pairs, tensors)
            advance(len(pairs))

    def _compute(self, pairs: Sequence[tuple[Tokens, Tokens]]) -> dict[str, Tensor]:
        """`entering` `[rows, hidden]` and `past` `[layers, 2, kv_heads, tokens, dim]`, joined."""
        trunks = _different(pairs)
        with attending_to_past(self.loaded.network), torch.no_grad():
            pasts = self._trunks(trunks)
            by_tokens = dict(zip(trunks, pasts, strict=True))
            entering = self._entering(
                [tokens for _, tokens in pairs], [by_tokens[trunk] for trunk, _ in pairs]
            )
        kept = [past[self.first :] for past in pasts]
        return {"entering": torch.cat(entering), "past": torch.cat(kept, dim=3)}

    def _trunks(self, trunks: Sequence[Tokens]) -> list[Tensor]:
        """Each trunk's keys and values in all layers up to the last that learns."""
        network, layers = self.loaded.network, range(self.last + 1)
        geometry = self.loaded.geometry
        shape = (len(layers), 2, geometry.num_kv_heads, 0, geometry.head_dim)
        found = [torch.empty(shape, dtype=self.loaded.dtype)] * len(trunks)
        filled = [index for index, trunk in enumerate(trunks) if trunk]
        with only_layers(network, layers):
            for batch in batches_by_length([trunks[index] for index in filled]):
                indices = [filled[place] for place in batch]
                past = PastBatch.nothing(len(batch), frozenset(layers))
                _run(network, _padded([trunks[index] for index in indices]), past)
                pairs = [torch.stack(past.recorded[layer]) for layer in layers]
                joined = torch.stack(pairs)  # [layers, 2, batch, kv_heads, tokens, dim]
                for place, index in enumerate(indices):
                    found[index] = joined[:, :, place, :, : len(trunks[index])].clone()
        return found

    def _entering(self, utterances: Sequence[Tokens], pasts: Sequence[Tensor]) -> list[Tensor]:
        """Each utterance's rows as they enter the first layer that learns."""
        found = [torch.empty(0)] * len(utterances)
        network = self.loaded.network
        caught: list[Tensor] = []
        hook = decoder_layer(network, self.first).register_forward_pre_hook(
            lambda _, inputs: caught.append(inputs[0])
        )
        try:
            with only_layers(network, range(self.first)):
                for batch in batches_by_length(utterances):
                    trunks = [pasts[index][: self.first + 1] for index in batch]
                    past = PastBatch.padded(trunks, 0)
                    _run(network, _padded([utterances[index] for index in batch]), past)
                    states = caught.pop()
                    for place, index in enumerate(batch):
                        found[index] = states[place, : len(utterances[index])].clone()
        finally:
            hook.remove()
        return found

    def _part(
        self, pairs: Sequence[tuple[Tokens, Tokens]], tensors: Mapping[str, Tensor]
    ) -> FrozenPart:
        trunks = _different(pairs)
        places = {trunk: place for place, trunk in enumerate(trunks)}
        entering = tensors["entering"].split([len(tokens) for _, tokens in pairs])
        split = tensors["past"].split([len(trunk) for trunk in trunks], dim=3)
        return FrozenPart(list(entering), list(split), [places[trunk] for trunk, _ in pairs])

    def _path(self, pairs: Sequence[tuple[Tokens, Tokens]]) -> Path | None:
        if self.folder is None:
            return None
        loaded = self.loaded
        depends_on = [loaded.fingerprint, str(loaded.dtype), self.first, self.last, pairs]
        digest = sha256(dumps(depends_on).encode()).hexdigest()[:24]
        return self.folder / f"frozen-{digest}.safetensors"


def decoder_layer(network: "PreTrainedModel", index: int) -> nn.Module:
    layers: Any = network.base_model.layers
    layer: nn.Module = layers[index]
    return layer


@contextmanager
def only_layers(network: "PreTrainedModel", kept: Sequence[int]) -> Iterator[None]:
    """While this lasts, all other decoder layers hand on what they are given."""
    layers: Any = network.base_model.layers
    passed = [layer for index, layer in enumerate(layers) if index not in kept]
    for layer in passed:
        layer.forward = _hand_on
    try:
        yield
    finally:
        for layer in passed:
            del layer.forward


def _hand_on(hidden_states: Tensor, *_: Any, **__: Any) -> Tensor:
    return hidden_states


def _run(network: Any, tokens: Tensor, past: PastBatch) -> None:
    network.base_model(
        input_ids=tokens.to(network.device),
        position_ids=past.positions(tokens.shape[1]).to(network.device),
        use_cache=False,
        duologue_past=past,
    )


def _padded(token_lists: Sequence[Sequence[int]]) -> Tensor:
    longest = max(map(len, token_lists))
    return torch.tensor([[*tokens, *[0] * (longest - len(tokens))] for tokens in token_lists])


def _different(pairs: Sequence[tuple[Tokens, Tokens]]) -> list[Tokens]:
    """The trunks of these utterances, each once, in a fixed order."""
    return sorted({trunk for trunk, _ in pairs})


def _save(tensors: Mapping[str, Tensor], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}")
    save_file(dict(tensors), unfinished)
    unfinished.replace(path)
