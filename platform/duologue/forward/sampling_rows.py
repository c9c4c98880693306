"""How tokens are to be chosen from the rows of a forward whose logits are read, on any device."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from duologue.forward.draws import uniform
from duologue.forward.sampling_settings import SamplingSettings

COLUMNS = (
    "temperature",
    "top_k",
    "top_p",
    "number",
    "plain",
    "filtered",
    "unlimited",
    "said_row",
    "said_token",
    "said_penalty",
)
FLOATS = frozenset({"temperature", "top_p", "number", "said_penalty"})


@dataclass(frozen=True, slots=True)
class TokenRequests:
    """For each row whose logits are read, in order: how its token is chosen.

    `draws` holds the number of the response and that of the token within it: with the seed they
    name the row's random number. `history` holds the tokens that the repetition penalty counts as
    said.
    """

    settings: Sequence[SamplingSettings] = ()
    draws: Sequence[tuple[int, int]] = ()
    history: Sequence[Sequence[int]] = ()

    def __post_init__(self) -> None:
        assert len(self.settings) == len(self.draws) == len(self.history), "one of each per row"


@dataclass(frozen=True, slots=True)
class SamplingTensors:
    """Requests as tensors on the device of the logits.

    The first four are by row; they say nothing for rows that take the likeliest token. Which rows
    do not is known to the host, so that a device need not be asked.
    """

    temperature: Tensor
    top_k: Tensor
    """0 means all tokens."""
    top_p: Tensor
    number: Tensor
    """The row's random number."""
    plain: Tensor
    """Rows that draw from all tokens."""
    filtered: Tensor
    """Rows that draw from some."""
    unlimited: Tensor
    """Places in `filtered` of rows without a top-k."""
    said_row: Tensor
    said_token: Tensor
    said_penalty: Tensor
    """With the two before: whose score is changed, and by how much."""


class SamplingColumns:
    """Requests as arrays of the host, which go to a device as they are or in one piece."""

    def __init__(self, requests: TokenRequests, vocab_size: int) -> None:
        drawn = [row for row, chosen in enumerate(requests.settings) if not chosen.is_greedy]
        filtered = [row for row in drawn if requests.settings[row].has_filter]
        columns: dict[str, Sequence[float]] = {name: [] for name in COLUMNS}
        if drawn:
            columns |= {
                "temperature": [chosen.temperature for chosen in requests.settings],
                "top_k": [_top_k(chosen, vocab_size) for chosen in requests.settings],
                "top_p": [chosen.top_p for chosen in requests.settings],
                "number": _numbers(requests),
                "plain": [row for row in drawn if not requests.settings[row].has_filter],
                "filtered": filtered,
            }
            top_k = columns["top_k"]
            columns["unlimited"] = [n for n, row in enumerate(filtered) if not top_k[row]]
        said = list(_said(requests, vocab_size))
        if said:
            names = ("said_row", "said_token", "said_penalty")
            columns |= dict(zip(names, zip(*said, strict=True), strict=True))
        self._columns = {
            name: np.array(column, dtype=np.float32 if name in FLOATS else np.int32)
            for name, column in columns.items()
        }

    @property
    def packed(self) -> Any:
        """All columns one after another, int32; numbers with a fraction keep their bits."""
        return np.concatenate([column.view(np.int32) for column in self._columns.values()])

    def on(self, device: torch.device) -> SamplingTensors:
        """Tensors on a device, each moved by itself."""
        columns = self._columns.items()
        return SamplingTensors(**{name: torch.from_numpy(x).to(device) for name, x in columns})

    def within(self, packed: Tensor) -> SamplingTensors:
        """Views of what `packed` gave, wherever it is now."""
        parts = packed.split([len(column) for column in self._columns.values()])
        return SamplingTensors(
            **{
                name: part.view(torch.float32) if name in FLOATS else part
                for name, part in zip(self._columns, parts, strict=True)
            }
        )


def _top_k(chosen: SamplingSettings, vocab_size: int) -> int:
    return chosen.top_k if chosen.top_k < vocab_size else 0


def _numbers(requests: TokenRequests) -> list[float]:
    return [
        0.0 if chosen.is_greedy else uniform(chosen.seed, *draw)
        for chosen, draw in zip(requests.settings, requests.draws, strict=True)
    ]


def _said(requests: TokenRequests, vocab_size: int) -> Iterator[tuple[int, int, float]]:
    for row, chosen in enumerate(requests.settings):
        if chosen.repetition_penalty != 1:
            for token in requests.history[row]:
                if token < vocab_size:  # a tokenizer may know more tokens than a model's head
                    yield row, token, chosen.repetition_penalty
