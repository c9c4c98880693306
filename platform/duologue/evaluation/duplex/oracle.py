"""A state head that knows from the script what was said: recognition without errors.

With it, strategies differ in nothing but how they share the time between listening and speaking.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from duologue.evaluation.duplex.acts import ASKING, Act
from duologue.states import State

ORACLE_THRESHOLDS: Mapping[State, float] = {
    State.QUERY: 0.5,
    State.NON_QUERY: 0.5,
    State.HOLD: 0.5,
}


class OracleHead:
    """Stands in for a `StateHead`; `state` is what it reads from every row until it is changed."""

    layers = (-1,)
    lora = None
    labels = tuple(State)

    def __init__(self) -> None:
        self.state = State.INCOMPLETE

    @property
    def thresholds(self) -> Mapping[State, float]:
        return ORACLE_THRESHOLDS

    def probabilities(self, hidden: Tensor) -> Tensor:
        """All of it on the present state, `[rows, labels]`."""
        row = torch.tensor([float(label is self.state) for label in self.labels])
        return row.expand(hidden.shape[0], -1)


def true_state(act: Act) -> State:
    """What a line is when it is complete."""
    if act in ASKING:
        return State.QUERY
    return State.HOLD if act is Act.HOLD else State.NON_QUERY
