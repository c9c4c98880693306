"""Why a session decided as it did: its reading of an utterance beside what it had to reach."""

from dataclasses import dataclass, replace
from typing import Self

from duologue.events import InputState, StateReason
from duologue.floor_settings import FloorSettings
from duologue.lane.judging import Judge, Judgement
from duologue.session.setup import SessionSetup
from duologue.session_config import SessionConfig
from duologue.states import State
from duologue.telemetry import names
from duologue.telemetry.tracing import Attributes


@dataclass(frozen=True, slots=True)
class DecisionRules:
    """By what a session decides, for those who tell of it."""

    judge: Judge
    floor: FloorSettings
    takes_back: bool = True
    """Whether a reply can be held at all."""

    @classmethod
    def of(cls, setup: SessionSetup) -> Self:
        """Those of a session with this setup."""
        return cls(setup.profile.judge, setup.floor, setup.strategy.takes_back)

    def changed(self, config: SessionConfig) -> Self:
        """The same with what a client wants in place of it."""
        return replace(self, floor=config.floor_settings(self.floor))

    @property
    def confirm_above(self) -> float | None:
        """The probability of a query from which on its reply is shown at once; None if always."""
        holds = self.takes_back and self.floor.mode == "confirmed"
        return self.floor.sure_above if holds else None

    def is_sure(self, event: InputState) -> bool:
        """Whether a query needs no confirmation, by its probability."""
        above = self.confirm_above
        return above is None or event.probabilities.get(State.QUERY, 0.0) >= above


def reading(
    event: InputState, judgement: Judgement | None, rules: DecisionRules | None
) -> Attributes:
    """What was read of an utterance, from what, and what it was measured by.

    The judgement is that of the slice that brought it, if one did.
    """
    told: dict[str, str | int | float | bool] = {
        names.STATE: str(event.state),
        names.LOOK_AHEAD_TOKENS: event.look_ahead_tokens,
        names.DECISION_REASON: str(event.reason),
    }
    if event.state in event.probabilities:
        told[names.DECISION_PROBABILITY] = event.probabilities[event.state]
    if event.is_foreign:
        told[names.FOREIGN] = True
    is_open = event.state is State.INCOMPLETE
    if is_open and State.QUERY in event.probabilities:
        told[names.QUERY_PROBABILITY] = event.probabilities[State.QUERY]
    if judgement is None or event.reason is not StateReason.JUDGED:
        return told
    told[names.PATIENCE] = judgement.patience.name.lower()
    measured = State.QUERY if is_open else event.state
    if rules is not None and measured in rules.judge.thresholds and measured in event.probabilities:
        told[names.DECISION_THRESHOLD] = rules.judge.threshold(measured, judgement.patience)
    if rules is not None and event.state is State.QUERY and rules.confirm_above is not None:
        told[names.CONFIRM_ABOVE] = rules.confirm_above
    return told
