"""What happened when a scenario was played: plain data, in milliseconds from its start."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from duologue.evaluation.duplex.scenario import Line, Scenario
from duologue.evaluation.duplex.speech import Speech, SpeechPause
from duologue.lane.steps import EndReason
from duologue.session.transcript import Entry, Role
from duologue.states import State


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """A line as it was said."""

    line: Line
    speech: Speech
    start_ms: float
    is_committed: bool = False
    """Whether the user said that the turn was over."""
    num_entries_before: int = 0
    """Entries of the user's in the transcript when it began."""

    @property
    def end_ms(self) -> float:
        """When its last word was there."""
        return self.start_ms + self.speech.duration_ms

    @property
    def settled_ms(self) -> float:
        """When recognition had said all of it."""
        late = self.speech.late
        return self.start_ms + late[-1].at_ms if late else self.end_ms

    @property
    def pauses(self) -> list[SpeechPause]:
        """Its silences, in the scenario's time."""
        at_ms = self.start_ms
        return [SpeechPause(at_ms + p.begin_ms, at_ms + p.end_ms) for p in self.speech.pauses]

    def holds(self, at_ms: float) -> bool:
        """Whether the user is inside the line at this time."""
        return self.start_ms < at_ms < self.end_ms


@dataclass(slots=True)
class ReplySilence:
    """A time in which a reply that had begun was paused, or had been cut."""

    begin_ms: float
    end_ms: float | None = None
    """When it went on; None: it did not."""

    def holds(self, at_ms: float) -> bool:
        return self.begin_ms <= at_ms and (self.end_ms is None or at_ms < self.end_ms)


@dataclass(slots=True)
class RecordedReply:
    """A response as the client saw it."""

    number: int
    started_ms: float
    text: str = ""
    first_text_ms: float | None = None
    ended_ms: float | None = None
    """When no more text was to follow."""
    end: EndReason | None = None
    is_taken_back: bool = False
    """The utterance that it answered went on, and was reopened."""
    silences: list[ReplySilence] = field(default_factory=list)
    told_heard_chars: int | None = None
    """How much of it was heard, as the client was told when it was cut."""
    played_chars: int | None = None
    """How much of it the client has played; None: it plays nothing."""
    played_ms: float | None = None
    """When all of it had been played."""
    texts_before: list[str] = field(default_factory=list)
    """What had been told of it each time that it went on."""

    @property
    def was_cut(self) -> bool:
        return self.end is EndReason.INTERRUPTED or self.told_heard_chars is not None

    @property
    def over_ms(self) -> float | None:
        """When it was over for the user: cut, or said to its end."""
        if self.was_cut:
            return self.silences[-1].begin_ms if self.silences else self.ended_ms
        return self.ended_ms if self.played_chars is None else self.played_ms

    @property
    def is_the_same_again(self) -> bool:
        """Whether each time that it went on, it said what it had said before."""
        return all(
            self.text.startswith(before) or before.startswith(self.text)
            for before in self.texts_before
        )

    def runs_at(self, at_ms: float) -> bool:
        """Whether it is being given at this time."""
        has_begun = self.first_text_ms is not None and self.first_text_ms <= at_ms
        is_over = self.over_ms is not None and self.over_ms <= at_ms
        return has_begun and not is_over and self.silence_at(at_ms) is None

    def silence_at(self, at_ms: float) -> ReplySilence | None:
        """The silence in which it is at this time."""
        return next((each for each in self.silences if each.holds(at_ms)), None)

    def fall_silent(self, at_ms: float) -> None:
        """It is paused, or cut."""
        if not self.silences or self.silences[-1].end_ms is not None:
            self.silences.append(ReplySilence(at_ms))

    def finish(self, at_ms: float, end: EndReason) -> None:
        """No more text of it follows, unless it goes on after all."""
        self.ended_ms, self.end = at_ms, end
        if end is EndReason.INTERRUPTED:
            self.fall_silent(at_ms)

    def go_on(self, at_ms: float, from_chars: int) -> None:
        """It is given further, from this place on."""
        if self.silences and self.silences[-1].end_ms is None:
            self.silences[-1].end_ms = at_ms
        if self.was_cut:
            self.texts_before.append(self.text)
            self.text = self.text[:from_chars]
            self.ended_ms = self.end = None
        self.told_heard_chars = None


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """A state that was acted on."""

    at_ms: float
    state: State
    text: str
    probabilities: Mapping[State, float]
    reason: str = ""
    """Why it was decided so, if not by what the head read."""


@dataclass(slots=True)
class Record:
    """A scenario that was played to its end, or as far as it went."""

    scenario: Scenario
    strategy: str
    tick_ms: float
    lines: list[SpokenLine] = field(default_factory=list)
    """Those that were said."""
    replies: list[RecordedReply] = field(default_factory=list)
    decisions: list[RecordedDecision] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """Error events: the engine refused something."""
    unsaid: str = ""
    """Why the lines after those in `lines` were not said."""
    end_ms: float = 0.0
    num_slices: int = 0
    num_forwards: int = 0
    transcript: tuple[Entry, ...] = ()
    """At the end."""
    num_discarded_tokens: int | None = None
    """Of replies that were computed and never shown; None: it was not counted."""

    @property
    def running(self) -> RecordedReply | None:
        """The reply whose text is coming now."""
        last = self.replies[-1] if self.replies else None
        return last if last is not None and last.ended_ms is None else None

    @property
    def being_given(self) -> RecordedReply | None:
        """The reply whose text is coming, or is still being played."""
        last = self.replies[-1] if self.replies else None
        return last if last is not None and last.over_ms is None else None

    def entries(self, role: Role) -> list[Entry]:
        """What one side said, as the transcript has it."""
        return [entry for entry in self.transcript if entry.role is role]

    def reply_at(self, at_ms: float) -> RecordedReply | None:
        """The reply that is being given at this time."""
        return next((reply for reply in self.replies if reply.runs_at(at_ms)), None)
