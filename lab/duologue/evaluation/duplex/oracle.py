"""A state head that knows from the script what was said: recognition without errors.

With it, strategies differ in nothing but how they share the time between listening and speaking.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from duologue.engine.engine import Engine
from duologue.evaluation.duplex.acts import Act
from duologue.evaluation.duplex.scenario import Line
from duologue.forward.state_head import StateHead
from duologue.runtime.assembly import Assembly
from duologue.session.setup import SessionSetup
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


def true_state(line: Line) -> State:
    """What a line is when it is complete."""
    if line.asks or line.does is Act.GO_ON:
        return State.QUERY
    return State.HOLD if line.does is Act.HOLD else State.NON_QUERY


def state_so_far(line: Line, *, is_complete: bool, is_segment_over: bool) -> State:
    """What a line is as far as it was said.

    A query that goes on is a whole one where its segments meet, and so is the segment that looks
    like an interruption until the user says that it is none: nobody could know better by then.
    """
    if is_complete:
        return true_state(line)
    looks_complete = is_segment_over and line.does in (Act.CONTINUATION, Act.RESUME)
    return State.QUERY if looks_complete else State.INCOMPLETE


def held_right(assembly: Assembly) -> tuple[Engine, SessionSetup, OracleHead]:
    """The same model with recognition held right."""
    head = OracleHead()
    engine = Engine(assembly.model, cast(StateHead, head), assembly.engine.settings)
    engine.warm_up()
    return engine, replace(assembly.setup, thresholds=ORACLE_THRESHOLDS), head
