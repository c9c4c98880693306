"""What one person noticed: turns, replies, and what went wrong. Times are of the run's clock."""

from dataclasses import dataclass, field
from enum import StrEnum

from duologue.evaluation.duplex.acts import ASKING, Act
from duologue.states import State


class Answer(StrEnum):
    """What became of something that was to be answered."""

    AT_ONCE = "decided at once"
    """The first judgement of the whole text said that it was a query."""
    AFTER_SILENCE = "decided after silence"
    """Only a later one did: the platform waited whether more would come."""
    COMMITTED = "committed"
    """The person said that the turn was over."""
    TOO_EARLY = "too early"
    """The reply was to a part of it."""
    MISJUDGED = "taken for no query"
    MISSING = "no reply"
    """None came for as long as the person waited."""


@dataclass(slots=True)
class Turn:
    """One line that a person said, to its last word."""

    segment_id: str
    act: Act
    text: str
    due_end_ms: float
    """When its last word was to be sent: waiting is counted from here, also if it was sent late."""
    interrupts: int | None = None
    """The reply that was running when the line began."""
    is_committed: bool = False
    sent_end_ms: float | None = None
    num_undecided: int = 0
    """Judgements of the whole text that left it open."""
    decided_ms: float | None = None
    decision: State | None = None
    first_text_ms: float | None = None
    """Of the last reply to it."""
    cut_ms: float | None = None
    """When the reply that it interrupts fell silent, and was not resumed since."""
    waited_ms: float | None = None
    """For how long a reply was waited for in vain."""

    @property
    def asks(self) -> bool:
        return self.act in ASKING

    @property
    def answer(self) -> Answer | None:
        """None for what needs no answer, or was taken back before there could be one."""
        if not self.asks or self.sent_end_ms is None:
            return None
        if self.decision in (State.NON_QUERY, State.HOLD):
            return Answer.MISJUDGED
        if self.first_text_ms is None or self.decided_ms is None:
            return None if self.waited_ms is None else Answer.MISSING
        if self.decided_ms < self.sent_end_ms:
            return Answer.TOO_EARLY
        if self.is_committed:
            return Answer.COMMITTED
        return Answer.AFTER_SILENCE if self.num_undecided else Answer.AT_ONCE

    @property
    def response_ms(self) -> float | None:
        """From the last word to the first text of the reply; infinite if none came."""
        match self.answer:
            case Answer.MISSING:
                return float("inf")
            case Answer.AT_ONCE | Answer.AFTER_SILENCE | Answer.COMMITTED:
                assert self.first_text_ms is not None
                return self.first_text_ms - self.due_end_ms
            case _:
                return None

    @property
    def yield_ms(self) -> float | None:
        """From its last word until the reply fell silent; None unless it did so behind its end."""
        if self.cut_ms is None or self.interrupts is None or not self.asks:
            return None
        return self.cut_ms - self.due_end_ms if self.cut_ms >= self.due_end_ms else None


@dataclass(slots=True)
class Reply:
    """One reply as it came."""

    response_id: int
    started_ms: float
    turn: Turn | None
    text: str = ""
    first_text_ms: float | None = None
    last_text_ms: float | None = None
    ended_ms: float | None = None
    is_complete: bool = False
    is_paused: bool = False

    def resume(self, from_chars: int) -> None:
        """It goes on; what had been cut off is given again, and the pause is no gap in its text."""
        self.is_paused, self.last_text_ms = False, None
        if not self.is_complete:
            self.text, self.ended_ms = self.text[:from_chars], None


@dataclass(slots=True)
class Notes:
    """Everything of one visit."""

    number: int
    due_ms: float
    ready_ms: float | None = None
    refused: str = ""
    """Why no session was opened."""
    dropped: str = ""
    """Why a session ended before the person wanted it to."""
    turns: list[Turn] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    gaps_ms: list[tuple[float, float]] = field(default_factory=list)
    """Between two pieces of text of a reply: when, and how long."""
    late_ms: list[float] = field(default_factory=list)
    """By how much words were sent later than they were due: this program's own fault."""
    judged_ms: list[tuple[float, float]] = field(default_factory=list)
    """For each word that was judged: when it was due, and how long that took."""
    num_unjudged: int = 0
    """Words of which nothing was told."""
    errors: list[str] = field(default_factory=list)
    """What the session could not follow."""
    num_resumed: int = 0
    num_lost: int = 0
    """Numbered events that were missing."""
    num_doubled: int = 0
    num_garbled: int = 0
    """Complete replies that the transcript has in other words."""
    num_untaken: int = 0
    """Events that were sent and never taken."""
    num_unsaid: int = 0
    """Lines that had no occasion: the reply was over, or did not come."""

    @property
    def opened_in_ms(self) -> float | None:
        return None if self.ready_ms is None else self.ready_ms - self.due_ms

    @property
    def is_intact(self) -> bool:
        """Whether nothing that was said in either direction was lost or doubled."""
        return not (self.num_lost or self.num_doubled or self.num_garbled or self.num_untaken)
