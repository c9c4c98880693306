"""Rows: what goes into one merged forward, and what comes out of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from duologue.kv.channel import Channel
from duologue.kv.slot import Slot


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive tokens of one channel of one session: one row each.

    `cells[i]` takes the key and value of `tokens[i]`, which stands at `first_position + i`.
    """

    slot: Slot
    channel: Channel
    tokens: Sequence[int]
    cells: Sequence[int]
    first_position: int
    reads_logits: bool = False
    """Whether the caller wants the logits of the last row."""
    reads_hidden: bool = False
    """Whether the caller wants the hidden states of the last row."""
    leaves_early: bool = False
    """Whether nobody will see its cells above the last layer whose hidden states are read: there,
    its rows need not be computed."""

    def __post_init__(self) -> None:
        assert len(self.tokens) == len(self.cells) > 0, (len(self.tokens), len(self.cells))
        assert not (self.leaves_early and self.reads_logits), "logits are read at the top"

    @property
    def positions(self) -> range:
        return range(self.first_position, self.first_position + len(self.tokens))


@dataclass(frozen=True, slots=True)
class ForwardOutput:
    """What was read, in the order of the stretches that asked for it."""

    logits: Tensor  # [logit readers, vocab]
    hidden: Tensor  # [hidden readers, layers read * hidden_size]
    beside: Tensor
    """int32, on the same device: the numbers that were sent with the rows."""


def sent(beside: Any, device: torch.device) -> Tensor:
    """Numbers of the host, int32, on the device of an output; none for None."""
    if beside is None:
        return torch.empty(0, dtype=torch.int32)
    return torch.from_numpy(beside).to(device)
