"""What a user does with a line, and what is to follow from it unless a scenario says otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Act(StrEnum):
    """What the user does with a line; a scenario is of the kind of its last line."""

    QUERY = "query"
    """Asks or demands something, and stops: smooth turn-taking."""
    PAUSE = "pause"
    """A query with a silence in the middle of it."""
    MONOLOGUE = "monologue"
    """Tells at length and asks only at the end."""
    INTERRUPTION = "interruption"
    """Cuts in on the reply with something that is to be answered instead."""
    CORRECTION = "correction"
    """Takes back or changes what was asked, in the same breath or during the reply."""
    TOPIC_CHANGE = "topic_change"
    """Jumps to another subject."""
    HOLD = "hold"
    """Asks for silence."""
    BACKCHANNEL = "backchannel"
    """Shows that they listen: "mhm", "right"."""
    VOCAL_TIC = "vocal_tic"
    """A filled pause, a cough, a habit of speech, that means nothing."""
    FOR_OTHERS = "for_others"
    """Speaks to somebody else in the room."""
    BACKGROUND = "background"
    """Not the user at all: television, radio, other people."""


ASKING = frozenset(
    {Act.QUERY, Act.PAUSE, Act.MONOLOGUE, Act.INTERRUPTION, Act.CORRECTION, Act.TOPIC_CHANGE}
)
"""Lines that are to be answered: the user's turns."""

UNDIRECTED = frozenset({Act.FOR_OTHERS, Act.BACKGROUND})
"""Speech that is not meant for the assistant."""

PASSING = UNDIRECTED | {Act.BACKCHANNEL, Act.VOCAL_TIC}
"""Lines over which the assistant is to carry on."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must happen, or not, until so many milliseconds after a line's end; None: not asked."""

    respond: int | None = None
    """A reply to the line begins in this time."""
    yield_: int | None = None
    """The reply that the line fell into has stopped by then."""
    carry_on: int | None = None
    """Until then the reply that the line fell into is not cut, and no other begins."""
    stay_silent: int | None = None
    """Until then no reply begins."""

    @property
    def windows(self) -> Mapping[str, int]:
        """What is asked, by the names of the YAML format."""
        named = {
            "respond": self.respond,
            "yield": self.yield_,
            "carry_on": self.carry_on,
            "stay_silent": self.stay_silent,
        }
        return {name: window for name, window in named.items() if window is not None}

    def __post_init__(self) -> None:
        assert not (self.respond and (self.carry_on or self.stay_silent)), self
        assert not (self.yield_ and self.carry_on), self


RESPOND_MS = 2000
TWO_TICKS_MS = 320
"""Two ticks of the usual length."""
QUIET_MS = 2000
"""Longer than the engine takes to decide an utterance for want of patience."""


def usual_expectation(act: Act, *, during_reply: bool) -> Expectation:
    """What is expected of a line of which the scenario does not say it."""
    yields = TWO_TICKS_MS if during_reply else None
    if act in ASKING:
        return Expectation(respond=RESPOND_MS, yield_=yields)
    if act is Act.HOLD:
        return Expectation(yield_=yields, stay_silent=QUIET_MS)
    return Expectation(carry_on=QUIET_MS) if during_reply else Expectation(stay_silent=QUIET_MS)
