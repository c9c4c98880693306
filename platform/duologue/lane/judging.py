"""From state probabilities to a decision, more willing the longer the user has been silent."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from duologue.states import State, decide

SURELY_NONE = 0.8
"""So probable has NON_QUERY to be where the utterance was taken for a query before."""


class JudgingPatience(Enum):
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

    def __post_init__(self) -> None:
        acted_on = set(self.thresholds) - {State.INCOMPLETE}
        assert acted_on, "a judge must be able to come to a decision"

    def decide(
        self,
        probabilities: Mapping[State, float],
        patience: JudgingPatience,
        *,
        keeps: bool = False,
        was_query: bool = False,
    ) -> State:
        """The state to act on, as it was read after one token; INCOMPLETE means not to act yet.

        With patience OUT, the likeliest of the states that can be acted on is taken. Nothing is
        dropped for want of time: with LOW patience, NON_QUERY keeps its threshold, and OUT does not
        choose it for what sounds unfinished. One who `keeps` what was said never chooses it, if
        anything else can be chosen, nor HOLD below its threshold; the same goes for what
        `was_query` before more was said, unless it is surely none now. A state that the head does
        not know is never acted on.
        """
        keeps |= was_query and probabilities.get(State.NON_QUERY, 0.0) < SURELY_NONE
        if patience is JudgingPatience.OUT:
            lowered = dict.fromkeys(self._last_choices(probabilities, keeps), 0.0)
        else:
            lowered = {
                state: self.threshold(state, patience)
                for state in self.thresholds
                if not (keeps and state is State.NON_QUERY)
            }
        if keeps and {State.QUERY, State.HOLD} <= lowered.keys():
            lowered[State.HOLD] = self.thresholds[State.HOLD]
        return decide(probabilities, lowered)

    def threshold(self, state: State, patience: JudgingPatience) -> float:
        """What the probability of a state that is acted on has to reach; 0 if patience is OUT."""
        if patience is JudgingPatience.OUT:
            return 0.0
        is_lowered = patience is JudgingPatience.LOW and state is not State.NON_QUERY
        return self.thresholds[state] * (self.low_patience_scale if is_lowered else 1.0)

    def _last_choices(self, probabilities: Mapping[State, float], keeps: bool) -> set[State]:
        known = (self.thresholds.keys() & probabilities) - {State.INCOMPLETE}
        is_unfinished = max(probabilities, key=lambda s: probabilities[s]) is State.INCOMPLETE
        without = known - {State.NON_QUERY}
        return without if (is_unfinished or keeps) and without else known


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was read of an utterance, and what was made of it."""

    state: State
    probabilities: Mapping[State, float]
    """After the token that decided, or the last one of the input when none did."""
    look_ahead_tokens: int
    """How many tokens past the input the decision was found."""
    patience: JudgingPatience
