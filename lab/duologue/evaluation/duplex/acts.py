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
    CONTINUATION = "continuation"
    """A query in several segments, each of which could stand alone."""
    LATE_TEXT = "late_text"
    """A query of which recognition's final text comes when it is over."""
    DICTATION = "dictation"
    """A number, a name or an address in groups, with silences between them."""
    HESITATION = "hesitation"
    """A query that comes to a halt at a filler or in the middle of a phrase, and goes on."""
    ANSWER = "answer"
    """A word or two in answer to what the assistant asked."""
    GO_ON = "go_on"
    """After a demand for silence: the assistant may go on with what it was saying."""
    RESUME = "resume"
    """Begins like an interruption and turns out to want nothing."""
    ECHO = "echo"
    """The assistant's own words, through the user's microphone."""
    NOISE = "noise"
    """What recognition writes for sounds: "[Music]"."""
    PLAYBACK = "playback"
    """Cuts in on a reply of which the client reports how far it was heard."""


FLOOR_KINDS = (
    Act.CONTINUATION,
    Act.LATE_TEXT,
    Act.DICTATION,
    Act.HESITATION,
    Act.ANSWER,
    Act.GO_ON,
    Act.RESUME,
    Act.ECHO,
    Act.NOISE,
    Act.PLAYBACK,
)
"""Kinds that are about the right moment: each has a target of its own."""

IN_PARTS = frozenset({Act.CONTINUATION, Act.DICTATION, Act.HESITATION})
"""Turns with silences inside that are one utterance."""

ASKING = IN_PARTS | {
    Act.QUERY,
    Act.PAUSE,
    Act.MONOLOGUE,
    Act.INTERRUPTION,
    Act.CORRECTION,
    Act.TOPIC_CHANGE,
    Act.LATE_TEXT,
    Act.ANSWER,
    Act.PLAYBACK,
}
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
    resume: int | None = None
    """By then the reply that was being given, or was held, goes on as it was; no other begins."""
    entries: int | None = None
    """So many entries of the transcript came of the line."""
    replies: int | None = None
    """So many replies to the line were shown, and the last of them was not cut."""
    heard: int | None = None
    """What the transcript has of the reply is what was heard of it, up to so many characters."""

    @property
    def asked(self) -> Mapping[str, int]:
        """What is asked, by the names of the YAML format."""
        named = {
            "respond": self.respond,
            "yield": self.yield_,
            "carry_on": self.carry_on,
            "stay_silent": self.stay_silent,
            "resume": self.resume,
            "entries": self.entries,
            "replies": self.replies,
            "heard": self.heard,
        }
        return {name: value for name, value in named.items() if value is not None}

    @property
    def watch_ms(self) -> int:
        """How long nothing else may happen, so that what follows has to be watched."""
        counted = (self.entries, self.replies, self.heard)
        quiet_ms = QUIET_MS if any(count is not None for count in counted) else 0
        windows = (self.carry_on, self.stay_silent, self.resume)
        return max(quiet_ms, *(window or 0 for window in windows))

    def __post_init__(self) -> None:
        assert not (self.respond and (self.carry_on or self.stay_silent)), self
        assert not (self.yield_ and self.carry_on), self
        assert not (self.resume and (self.respond or self.yield_)), self


RESPOND_MS = 2000
PATIENT_MS = 4000
"""After something dictated: whether the last group was the last is known only by waiting."""
TWO_TICKS_MS = 320
"""Two ticks of the usual length."""
QUIET_MS = 2000
"""Longer than the engine takes to decide an utterance for want of patience."""
GO_ON_MS = 1500
"""A demand to go on is met sooner than a query is answered: nothing has to be computed."""
HEARD_CHARS = 12
"""Characters between two reports of a player, and a few that are on their way."""


def usual_expectation(act: Act, *, during_reply: bool) -> Expectation:
    """What is expected of a line of which the scenario does not say it."""
    yields = TWO_TICKS_MS if during_reply else None
    match act:
        case Act.CONTINUATION:
            return Expectation(respond=RESPOND_MS, yield_=yields, entries=1)
        case Act.LATE_TEXT | Act.HESITATION:
            return Expectation(respond=RESPOND_MS, yield_=yields, entries=1, replies=1)
        case Act.DICTATION:
            return Expectation(respond=PATIENT_MS, yield_=yields, entries=1, replies=1)
        case Act.PLAYBACK:
            return Expectation(respond=RESPOND_MS, yield_=yields, heard=HEARD_CHARS)
        case Act.GO_ON:
            return Expectation(resume=GO_ON_MS)
        case Act.RESUME:
            return Expectation(resume=QUIET_MS)
        case Act.HOLD:
            return Expectation(yield_=yields, stay_silent=QUIET_MS)
        case _ if act in ASKING:
            return Expectation(respond=RESPOND_MS, yield_=yields)
    entries = 0 if act is Act.NOISE else None
    if during_reply:
        return Expectation(carry_on=QUIET_MS, entries=entries)
    return Expectation(stay_silent=QUIET_MS, entries=entries)
