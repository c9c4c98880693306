"""The states that an utterance in progress can be in, as the state head names them.

Pure Python: session actors, clients and the command line read it without loading torch.
"""

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """What the text that was heard so far asks of the assistant.

    The values are the label names in adapter files, in data files and on the wire.
    """

    QUERY = "query"
    """A complete query, command, answer or correction: respond now (the paper's ``<1>``)."""

    NON_QUERY = "non_query"
    """Nothing to respond to (backchannel, tic, background, other talk): the paper's ``<2>``."""

    INCOMPLETE = "incomplete"
    """Something has begun and is not finished: keep listening."""

    HOLD = "hold"
    """The user asks for silence: stop talking and say nothing (an extension of the paper's two)."""


def decide(probabilities: Mapping[State, float], thresholds: Mapping[State, float]) -> State:
    """The state to act on: the likeliest that asks for an action and reaches its threshold.

    `INCOMPLETE` asks for none, so it needs no threshold and is what remains when no other state
    reaches its own. A state without a threshold is never acted on.
    """
    reached = [
        state
        for state, threshold in thresholds.items()
        if state is not State.INCOMPLETE and probabilities.get(state, 0.0) >= threshold
    ]
    return max(reached, key=lambda state: probabilities[state], default=State.INCOMPLETE)
