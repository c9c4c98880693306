"""A state head that can be told what to find, so that a conversation takes the wanted course."""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor

from duologue.forward.input_lora import InputLora
from duologue.forward.state_head import StateHead
from duologue.states import State

FORCED_PROBABILITY = 0.99


class ForcedHead:
    """Stands in for a head: finds `state` in whatever it reads, or what the head finds when None.

    It tells the same of every row, so that sessions which share a forward are forced together.
    """

    def __init__(self, head: StateHead) -> None:
        self._head = head
        self.state: State | None = None

    @property
    def as_head(self) -> StateHead:
        """For an engine, which asks no more of a head than this one has."""
        return cast(StateHead, self)

    @property
    def lora(self) -> InputLora | None:
        return self._head.lora

    @property
    def layers(self) -> tuple[int, ...]:
        return self._head.layers

    @property
    def labels(self) -> tuple[State, ...]:
        return self._head.labels

    @property
    def thresholds(self) -> Mapping[State, float]:
        return self._head.thresholds

    def probabilities(self, hidden: Tensor) -> Tensor:
        """[rows, labels]"""
        if self.state is None:
            return self._head.probabilities(hidden)
        others = (1.0 - FORCED_PROBABILITY) / (len(self.labels) - 1)
        row = [FORCED_PROBABILITY if label is self.state else others for label in self.labels]
        return torch.tensor([row] * hidden.shape[0])
