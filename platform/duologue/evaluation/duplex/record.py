"""What happened when a scenario was played: plain data, in milliseconds from its start."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from duologue.evaluation.duplex.scenario import Line, Scenario
from duologue.evaluation.duplex.speech import Pause, Speech
from duologue.lane.steps import EndReason
from duologue.states import State


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """A line as it was said."""

    line: Line
    speech: Speech
    start_ms: float

    @property
    def end_ms(self) -> float:
        """When its last text was there."""
        return self.start_ms + self.speech.duration_ms

    @property
    def pauses(self) -> list[Pause]:
        """Its silences, in the scenario's time."""
        at_ms = self.start_ms
        return [Pause(at_ms + p.begin_ms, at_ms + p.end_ms) for p in self.speech.pauses]

    def holds(self, at_ms: float) -> bool:
        """Whether the user is inside the line at this time."""
        return self.start_ms < at_ms < self.end_ms


@dataclass(slots=True)
class Reply:
    """A response as the client saw it."""

    number: int
    started_ms: float
    text: str = ""
    first_text_ms: float | None = None
    ended_ms: float | None = None
    end: EndReason | None = None
    is_taken_back: bool = False
    """The utterance that it answered went on, and was reopened."""

    @property
    def was_cut(self) -> bool:
        return self.end is EndReason.INTERRUPTED

    def runs_at(self, at_ms: float) -> bool:
        """Whether it is being given at this time."""
        has_begun = self.first_text_ms is not None and self.first_text_ms <= at_ms
        return has_begun and (self.ended_ms is None or self.ended_ms > at_ms)


@dataclass(frozen=True, slots=True)
class Decision:
    """A state that was acted on."""

    at_ms: float
    state: State
    text: str
    probabilities: Mapping[State, float]


@dataclass(slots=True)
class Record:
    """A scenario that was played to its end, or as far as it went."""

    scenario: Scenario
    strategy: str
    tick_ms: float
    lines: list[SpokenLine] = field(default_factory=list)
    """Those that were said."""
    replies: list[Reply] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """Error events: the engine refused something."""
    unsaid: str = ""
    """Why the lines after those in `lines` were not said."""
    end_ms: float = 0.0
    num_slices: int = 0
    num_forwards: int = 0

    @property
    def running(self) -> Reply | None:
        """The reply that is being given now."""
        last = self.replies[-1] if self.replies else None
        return last if last is not None and last.ended_ms is None else None

    def reply_at(self, at_ms: float) -> Reply | None:
        """The reply that is being given at this time."""
        return next((reply for reply in self.replies if reply.runs_at(at_ms)), None)
