"""Enums on the wire and in Python."""

from collections.abc import Mapping
from typing import Generic, TypeVar

from duologue.events import StateReason
from duologue.lane.judging import JudgingPatience
from duologue.lane.steps import EndReason, Promotion
from duologue.states import State
from duologue.v1 import events_pb2, lane_pb2
from duologue.wire.fields import refuse

M = TypeVar("M")
N = TypeVar("N", bound=int)


class Codes(Generic[M, N]):
    """One enum: its members and their numbers on the wire. Number 0 stands for none."""

    def __init__(self, numbers: Mapping[M, N]) -> None:
        self._numbers = dict(numbers)
        self._members: dict[int, M] = {number: member for member, number in numbers.items()}

    def number(self, member: M) -> N:
        return self._numbers[member]

    def member(self, field: str, number: int) -> M:
        """Raises InvalidInput if the number stands for nothing known."""
        found = self._members.get(number)
        if found is None:
            names = ", ".join(f"{number} ({member})" for number, member in self._members.items())
            refuse(field, f"one of {names}", number)
        return found


STATES = Codes(
    {
        State.QUERY: events_pb2.STATE_QUERY,
        State.NON_QUERY: events_pb2.STATE_NON_QUERY,
        State.INCOMPLETE: events_pb2.STATE_INCOMPLETE,
        State.HOLD: events_pb2.STATE_HOLD,
    }
)
STATE_REASONS = Codes(
    {
        StateReason.JUDGED: events_pb2.STATE_REASON_JUDGED,
        StateReason.ECHO: events_pb2.STATE_REASON_ECHO,
        StateReason.GO_ON: events_pb2.STATE_REASON_GO_ON,
        StateReason.SILENCE: events_pb2.STATE_REASON_SILENCE,
        StateReason.LENGTH: events_pb2.STATE_REASON_LENGTH,
    }
)
END_REASONS = Codes(
    {
        EndReason.STOP: events_pb2.END_REASON_STOP,
        EndReason.LENGTH: events_pb2.END_REASON_LENGTH,
        EndReason.STOP_STRING: events_pb2.END_REASON_STOP_STRING,
        EndReason.CANCELLED: events_pb2.END_REASON_CANCELLED,
        EndReason.INTERRUPTED: events_pb2.END_REASON_INTERRUPTED,
    }
)
PATIENCES = Codes(
    {
        JudgingPatience.NORMAL: lane_pb2.PATIENCE_NORMAL,
        JudgingPatience.LOW: lane_pb2.PATIENCE_LOW,
        JudgingPatience.OUT: lane_pb2.PATIENCE_OUT,
    }
)
PROMOTIONS = Codes(
    {
        Promotion.BRANCH: lane_pb2.PROMOTION_BRANCH,
        Promotion.REBASE: lane_pb2.PROMOTION_REBASE,
    }
)
