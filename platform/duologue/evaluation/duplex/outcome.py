"""What became of each line of a played scenario. Definitions are in `docs/scenarios.md`."""

from dataclasses import dataclass
from enum import StrEnum

from duologue.evaluation.duplex.acts import ASKING, Act
from duologue.evaluation.duplex.record import Record, Reply, SpokenLine
from duologue.evaluation.duplex.windows import RESPONSE_WINDOW_MS


class Label(StrEnum):
    """What the assistant did about speech that fell into its reply, as in Full-Duplex-Bench v1.5.

    Its UNCERTAIN is about what is said and would need a judge.
    """

    RESPOND = "RESPOND"
    """It took up what was said."""
    RESUME = "RESUME"
    """It went on with what it was saying."""
    SILENT = "SILENT"
    """It stopped, and said nothing else."""


@dataclass(frozen=True, slots=True)
class LineOutcome:
    """One line that was said, and what followed until the next one or the end."""

    spoken: SpokenLine
    tick_ms: float
    fell_into: Reply | None
    """The reply that was being given when the line began."""
    inside: tuple[Reply, ...]
    """Replies that began while the user was inside the line."""
    after: tuple[Reply, ...]
    """Replies that began behind its end, before the next line."""
    until_ms: float
    """When the next line began, or the scenario ended."""

    @property
    def act(self) -> Act:
        return self.spoken.line.does

    @property
    def asks(self) -> bool:
        return self.act in ASKING

    @property
    def standing(self) -> Reply | None:
        """A reply to a part of the line that was given on behind its end as if it were to all."""
        if self.response is not None:
            return None
        end_ms = self.spoken.end_ms
        return next((r for r in self.inside if not r.is_taken_back and r.runs_at(end_ms)), None)

    @property
    def response(self) -> Reply | None:
        """The reply to the line: the first with text behind its end."""
        limit_ms = self.spoken.end_ms + RESPONSE_WINDOW_MS
        for reply in self.after:
            if reply.first_text_ms is not None and reply.first_text_ms <= limit_ms:
                return None if reply.is_taken_back else reply
        return None

    @property
    def response_latency_ms(self) -> float | None:
        """From the last text of the line to the first of the reply."""
        reply = self.response
        if reply is None or reply.first_text_ms is None:
            return None
        return reply.first_text_ms - self.spoken.end_ms

    @property
    def cut_ms(self) -> float | None:
        """When the reply that the line fell into was cut, if it was."""
        reply = self.fell_into
        if reply is None or not reply.was_cut or reply.ended_ms is None:
            return None
        return reply.ended_ms if reply.ended_ms <= self.until_ms else None

    @property
    def ended_by_itself(self) -> bool:
        """The reply that the line fell into came to its own end before it could be yielded."""
        reply = self.fell_into
        if reply is None or reply.ended_ms is None or reply.was_cut:
            return False
        return reply.ended_ms <= self.spoken.end_ms + 2 * self.tick_ms

    def yields_within(self, window_ms: float, *, of_start: bool = False) -> bool:
        """Whether the reply was cut within so much of the line's end, or of its start."""
        reference_ms = self.spoken.start_ms if of_start else self.spoken.end_ms
        return self.cut_ms is not None and self.cut_ms <= reference_ms + window_ms

    def is_quiet_for(self, window_ms: float) -> bool:
        """Whether no reply began during the line and so much time after it."""
        limit_ms = self.spoken.end_ms + window_ms
        return not any(reply.started_ms <= limit_ms for reply in self.inside + self.after)

    def carries_on_for(self, window_ms: float) -> bool:
        """Whether the reply it fell into was not cut, and none began, for so much time after it."""
        limit_ms = self.spoken.end_ms + window_ms
        was_cut = self.cut_ms is not None and self.cut_ms <= limit_ms
        return not was_cut and self.is_quiet_for(window_ms)

    @property
    def label(self) -> Label | None:
        """For a line that fell into a reply."""
        if self.fell_into is None:
            return None
        if any(reply.text and not reply.is_taken_back for reply in self.inside + self.after):
            return Label.RESPOND
        return Label.RESUME if self.cut_ms is None else Label.SILENT

    @property
    def takeovers(self) -> list[Reply]:
        """Replies that began in a pause inside the line."""
        pauses = self.spoken.pauses
        return [
            reply
            for reply in self.inside
            if any(pause.begin_ms <= reply.started_ms <= pause.end_ms for pause in pauses)
        ]

    @property
    def is_scored(self) -> bool:
        """Whether the line met the situation that it is about."""
        return self.fell_into is not None or not self.spoken.line.falls_into_reply

    @property
    def failures(self) -> list[str]:
        """What was expected and did not happen, in words."""
        checks = {
            "respond": self._responds_within,
            "yield": lambda window: self.yields_within(window) or self.ended_by_itself,
            "carry_on": self.carries_on_for,
            "stay_silent": self.is_quiet_for,
        }
        windows = self.spoken.line.expected.windows
        return [f"{name} {w}" for name, w in windows.items() if not checks[name](w)]

    def _responds_within(self, window_ms: float) -> bool:
        latency_ms = self.response_latency_ms
        return latency_ms is not None and latency_ms <= window_ms


def outcomes(record: Record) -> list[LineOutcome]:
    """One for each line that was said, in their order."""
    found = []
    for number, spoken in enumerate(record.lines):
        is_last = number + 1 == len(record.lines)
        until_ms = record.end_ms if is_last else record.lines[number + 1].start_ms
        begun = [r for r in record.replies if spoken.start_ms < r.started_ms <= until_ms]
        found.append(
            LineOutcome(
                spoken=spoken,
                tick_ms=record.tick_ms,
                fell_into=record.reply_at(spoken.start_ms),
                inside=tuple(r for r in begun if r.started_ms < spoken.end_ms),
                after=tuple(r for r in begun if r.started_ms >= spoken.end_ms),
                until_ms=until_ms,
            )
        )
    return found
