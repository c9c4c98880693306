"""A scenario: the lines of one conversation, their times, and what is to follow from each."""

from dataclasses import dataclass, field

from duologue.errors import InvalidInput
from duologue.evaluation.duplex.acts import ASKING, Act, Expectation, usual_expectation
from duologue.evaluation.duplex.marks import marks_of
from duologue.evaluation.duplex.playback import Playback
from duologue.evaluation.duplex.speech import Speech, spoken
from duologue.history import EarlierTurn
from duologue.talk.script import After

WORDS_PER_MINUTE = 180
MAX_REPLY_TOKENS = 160


@dataclass(frozen=True, slots=True)
class Line:
    """Something that is said, usually in one segment."""

    say: str
    """The words, with marks (see `speech.py`)."""
    does: Act = Act.QUERY
    at_ms: int | None = None
    """When it starts, from the start of the scenario; it never starts before the line before it
    has ended. None: by `after` and `delay_ms`."""
    after: After = After.PREVIOUS
    """What it waits for. A reply counts when its first text is there."""
    delay_ms: int = 0
    words_per_minute: int = WORDS_PER_MINUTE
    expect: Expectation | None = None
    """None: what is usual for such a line."""

    def __post_init__(self) -> None:
        if self.at_ms is not None and (self.after is not After.PREVIOUS or self.delay_ms):
            raise InvalidInput("either at_ms, or after and delay_ms")
        if self.at_ms is not None and self.at_ms < 0:
            raise InvalidInput(f"must be 0 or more, not {self.at_ms}", field="at_ms")
        if self.delay_ms < 0:
            raise InvalidInput(f"must be 0 or more, not {self.delay_ms}", field="delay_ms")
        if not 20 <= self.words_per_minute <= 600:
            raise InvalidInput(
                f"must be from 20 to 600, not {self.words_per_minute}", field="words_per_minute"
            )
        _ = self.speech  # refuses unreadable marks
        needed = _missing_mark(self.does, self)
        if needed:
            raise InvalidInput(f"does: {self.does} needs a mark {needed} in what is said")
        if self.does is Act.RESUME and not self.falls_into_reply:
            raise InvalidInput("does: resume is of a line after: reply_start")

    @property
    def speech(self) -> Speech:
        """How it is spoken; an echo of a reply has words that stand in for it."""
        return self.spoken_over("")

    def spoken_over(self, reply: str) -> Speech:
        """How it is spoken when the assistant has said so much."""
        return spoken(self.say, self.words_per_minute, reply)

    @property
    def asks(self) -> bool:
        """Whether it is to be answered."""
        return self.does in ASKING or self.expected.respond is not None

    @property
    def has_echo(self) -> bool:
        return any(mark["echo"] for mark in marks_of(self.say))

    @property
    def falls_into_reply(self) -> bool:
        """Whether it is meant to be said while a reply is being given."""
        return self.after is After.REPLY_START

    @property
    def expected(self) -> Expectation:
        return self.expect or usual_expectation(self.does, during_reply=self.falls_into_reply)


def _missing_mark(act: Act, line: Line) -> str:
    """The mark without which a line cannot be what it is said to be; empty if it has it."""
    speech = line.speech
    match act:
        case Act.PAUSE if not speech.pauses:
            return "'| pause 700 |'"
        case Act.DICTATION | Act.HESITATION if not speech.pauses and speech.num_segments == 1:
            return "'| pause 900 |' or '| final 900 |'"
        case Act.CONTINUATION if speech.num_segments == 1:
            return "'| final 500 |', with words behind it,"
        case Act.LATE_TEXT if not speech.late:
            return "'| late 900 \"text\" |'"
        case Act.ECHO if not line.has_echo:
            return "'| echo 8 |'"
    return ""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One conversation from its beginning."""

    name: str
    lines: tuple[Line, ...]
    about: str = ""
    max_reply_tokens: int = MAX_REPLY_TOKENS
    history: tuple[EarlierTurn, ...] = ()
    """What was said before the conversation that is played."""
    playback: Playback | None = None
    """How the client plays replies and reports it; None: it reports nothing."""
    file: str = field(default="", compare=False)
    """Where it was read from."""

    def __post_init__(self) -> None:
        if not self.name:
            raise InvalidInput("a scenario needs a name")
        if not self.lines:
            raise InvalidInput("a scenario needs lines")
        if not 1 <= self.max_reply_tokens <= 4096:
            raise InvalidInput(
                f"must be from 1 to 4096: {self.max_reply_tokens}", field="max_reply_tokens"
            )
        if self.lines[0].after is not After.PREVIOUS:
            raise InvalidInput("the first line cannot wait for a reply")
        if self.lines[0].has_echo:
            raise InvalidInput("the first line cannot echo a reply")
        heard = any(line.expected.heard is not None for line in self.lines)
        if heard and self.playback is None:
            raise InvalidInput("what was heard is known only with playback")

    @property
    def kind(self) -> Act:
        """What it is about: what its last line does."""
        return self.lines[-1].does

    @property
    def is_plain(self) -> bool:
        """Whether whoever can send words, each at its time, and correct them, can play it from
        nothing."""
        speeches = [line.speech for line in self.lines]
        is_words_only = all(
            each.num_segments == 1 and not each.late and not each.commits_ms for each in speeches
        )
        is_bare = self.playback is None and not self.history
        return is_words_only and is_bare and not any(line.has_echo for line in self.lines)
