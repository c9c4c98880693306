"""A scenario: the lines of one conversation, their times, and what is to follow from each."""

from dataclasses import dataclass, field

from duologue.errors import InvalidInput
from duologue.evaluation.duplex.acts import Act, Expectation, usual_expectation
from duologue.evaluation.duplex.speech import Speech, spoken
from duologue.talk.script import After

WORDS_PER_MINUTE = 180
MAX_REPLY_TOKENS = 160


@dataclass(frozen=True, slots=True)
class Line:
    """Something that is said, in one segment."""

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
            raise InvalidInput(f"at_ms must be 0 or more, not {self.at_ms}")
        if self.delay_ms < 0:
            raise InvalidInput(f"delay_ms must be 0 or more, not {self.delay_ms}")
        if not 20 <= self.words_per_minute <= 600:
            raise InvalidInput(
                f"words_per_minute must be from 20 to 600, not {self.words_per_minute}"
            )
        _ = self.speech  # refuses unreadable marks
        if self.does is Act.PAUSE and not self.speech.pauses:
            raise InvalidInput("does: pause needs a mark '| pause 700 |' in what is said")

    @property
    def speech(self) -> Speech:
        return spoken(self.say, self.words_per_minute)

    @property
    def falls_into_reply(self) -> bool:
        """Whether it is meant to be said while a reply is being given."""
        return self.after is After.REPLY_START

    @property
    def expected(self) -> Expectation:
        return self.expect or usual_expectation(self.does, during_reply=self.falls_into_reply)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One conversation from its beginning."""

    name: str
    lines: tuple[Line, ...]
    about: str = ""
    max_reply_tokens: int = MAX_REPLY_TOKENS
    file: str = field(default="", compare=False)
    """Where it was read from."""

    def __post_init__(self) -> None:
        if not self.name:
            raise InvalidInput("a scenario needs a name")
        if not self.lines:
            raise InvalidInput("a scenario needs lines")
        if not 1 <= self.max_reply_tokens <= 4096:
            raise InvalidInput(f"max_reply_tokens must be from 1 to 4096: {self.max_reply_tokens}")
        if self.lines[0].after is not After.PREVIOUS:
            raise InvalidInput("the first line cannot wait for a reply")

    @property
    def kind(self) -> Act:
        """What it is about: what its last line does."""
        return self.lines[-1].does
