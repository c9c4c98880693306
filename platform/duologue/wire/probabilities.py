"""Probabilities and thresholds by state."""

from collections.abc import Iterable, Mapping

from duologue.states import State
from duologue.v1 import events_pb2 as pb
from duologue.wire.enums import STATES
from duologue.wire.fields import finite, refuse


def probabilities_to_pb(probabilities: Mapping[State, float]) -> list[pb.StateProbability]:
    return [
        pb.StateProbability(state=STATES.number(state), probability=probability)
        for state, probability in probabilities.items()
    ]


def probabilities_from_pb(
    field: str, messages: Iterable[pb.StateProbability]
) -> dict[State, float]:
    """Raises InvalidInput if a state is not known or comes twice, or a number is none."""
    found: dict[State, float] = {}
    for message in messages:
        state = STATES.member(f"{field}.state", message.state)
        if state in found:
            refuse(f"{field}.state", "different in each of them", str(state))
        found[state] = finite(f"{field}.probability", message.probability)
    return found
