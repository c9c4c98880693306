"""From state probabilities to a decision, more willing the longer the user has been silent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from duologue.states import State, decide


class Patience(Enum):
    """How long to wait for more of an utterance that is undecided."""

    NORMAL = auto()
    """The user may go on at any moment: decide only what is clear."""

    LOW = auto()
    """The user has paused: lower thresholds."""

    OUT = auto()
    """The user has been silent for long, or says that the turn is over: decide now."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Thresholds on the probability of each state that is acted on."""

    thresholds: Mapping[State, float]
    low_patience_scale: float = 0.6

    def decide(self, seen: Sequence[Mapping[State, float]], patience: Patience) -> State:
        """The state to act on; INCOMPLETE means to keep listening.

        `seen` has the probabilities after the last token of the input, then those after each
        look-ahead token. The first that is clear decides. With patience OUT, what is likeliest
        anywhere among the states that can be acted on is taken.
        """
        if patience is Patience.OUT:
            return max(
                self.thresholds,
                key=lambda state: max(probabilities[state] for probabilities in seen),
            )
        scale = self.low_patience_scale if patience is Patience.LOW else 1.0
        thresholds = {state: limit * scale for state, limit in self.thresholds.items()}
        for probabilities in seen:
            state = decide(probabilities, thresholds)
            if state is not State.INCOMPLETE:
                return state
        return State.INCOMPLETE


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was read of an utterance, and what was made of it."""

    state: State
    probabilities: Mapping[State, float]
    """After the token that decided, or the last one of the input when none did."""
    look_ahead_tokens: int
    """How many tokens past the input the decision was found."""
    patience: Patience
