"""Features on disk, so that an interrupted training run goes on where it stopped.

Reading hidden states is nearly all the time that training takes. They are stored in parts, each
written whole; a part is found again by the digest of everything that it depends on.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from duologue.errors import InvalidSetting
from duologue.training.features import FINAL_LAYER, Advance, read_features
from duologue.training.layout import Layout, system_prompt_for
from duologue.training.sample import Sample

if TYPE_CHECKING:
    from duologue.model.loading import LoadedModel

PART_ROWS = 500


@dataclass(frozen=True, slots=True)
class FeatureStore:
    """Reads features through a model, keeping them in a folder (None: keeping nothing)."""

    loaded: "LoadedModel"
    layers: tuple[int, ...]
    folder: Path | None = None

    def __post_init__(self) -> None:
        num_layers = self.loaded.geometry.num_layers
        if not all(FINAL_LAYER <= layer < num_layers for layer in self.layers):
            raise InvalidSetting(
                f"layers: {list(self.layers)}; allowed are {FINAL_LAYER} (the final state) and 0"
                f" to {num_layers - 1}"
            )

    def features(self, samples: Sequence[Sample], advance: Advance = lambda n: None) -> Tensor:
        """The judged row of every sample, float32 `[samples, len(layers) * hidden_size]`.

        Samples get the different system prompts in turn. `advance` hears of finished rows.
        """
        parts = []
        for start in range(0, len(samples), PART_ROWS):
            tokens = self._laid_out(samples[start : start + PART_ROWS])
            parts.append(self._part(tokens, advance))
        width = self.loaded.geometry.hidden_size
        kept = torch.cat(parts) if parts else torch.empty(0, len(self._kept_layers) * width)
        by_layer = kept.float().view(len(kept), -1, width)  # [samples, kept layers, hidden]
        wanted = [self._kept_layers.index(layer) for layer in self.layers]
        return by_layer[:, wanted].flatten(1)

    @property
    def _kept_layers(self) -> tuple[int, ...]:
        """What is stored: the layers in a fixed order, whatever order is asked for."""
        return tuple(sorted(set(self.layers)))

    def _laid_out(self, samples: Sequence[Sample]) -> list[list[int]]:
        layout = Layout(self.loaded.chat, self.loaded.tokenizer)
        return [layout.tokens(sample, system_prompt_for(sample)) for sample in samples]

    def _part(self, token_lists: list[list[int]], advance: Advance) -> Tensor:
        path = self._path(token_lists)
        if path is not None and path.is_file():
            advance(len(token_lists))
            return load_file(path)["features"]
        features = read_features(self.loaded.network, token_lists, self._kept_layers, advance)
        features = features.to(torch.bfloat16)  # what the engine computes in, on most machines
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(f".{os.getpid()}")
            save_file({"features": features}, unfinished)
            unfinished.replace(path)
        return features

    def _path(self, token_lists: list[list[int]]) -> Path | None:
        if self.folder is None:
            return None
        depends_on = [
            self.loaded.fingerprint,
            str(self.loaded.dtype),
            self._kept_layers,
            token_lists,
        ]
        digest = sha256(dumps(depends_on).encode()).hexdigest()[:24]
        return self.folder / f"{digest}.safetensors"
