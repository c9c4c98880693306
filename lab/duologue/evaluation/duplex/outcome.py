"""What became of each line of a played scenario. Definitions are in `docs/scenarios.md`."""

from dataclasses import dataclass
from enum import StrEnum

from duologue.evaluation.duplex.acts import Act
from duologue.evaluation.duplex.record import Record, RecordedReply, SpokenLine
from duologue.evaluation.duplex.windows import RESPONSE_WINDOW_MS
from duologue.session.transcript import Entry, Outcome, Role


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
    fell_into: RecordedReply | None
    """The reply that was being given when the line began."""
    inside: tuple[RecordedReply, ...]
    """Replies that began while the user was inside the line."""
    after: tuple[RecordedReply, ...]
    """Replies that began behind its end, before the next line."""
    until_ms: float
    """When the next line began, or the scenario ended."""
    before: RecordedReply | None = None
    """The last reply that had begun when the line did, whether it was still being given or not."""
    kept: Entry | None = None
    """What the transcript has of that reply."""
    entries: tuple[Entry, ...] = ()
    """What the transcript has of the line."""

    @property
    def act(self) -> Act:
        return self.spoken.line.does

    @property
    def asks(self) -> bool:
        return self.spoken.line.asks

    @property
    def standing(self) -> RecordedReply | None:
        """A reply to a part of the line that was given on behind its end as if it were to all."""
        if self.response is not None:
            return None
        end_ms = self.spoken.end_ms
        return next((r for r in self.inside if not r.is_taken_back and r.runs_at(end_ms)), None)

    @property
    def response(self) -> RecordedReply | None:
        """The reply to the line: the first with text behind its end that was not taken back."""
        limit_ms = self.spoken.end_ms + RESPONSE_WINDOW_MS
        for reply in self.after:
            first_ms = reply.first_text_ms
            if first_ms is not None and first_ms <= limit_ms and not reply.is_taken_back:
                return reply
        return None

    @property
    def shown(self) -> list[RecordedReply]:
        """Replies to the line of which the client saw something."""
        return [reply for reply in self.inside + self.after if reply.text]

    @property
    def is_split(self) -> bool:
        """Whether the line became several utterances."""
        return len(self.entries) > 1

    @property
    def response_latency_ms(self) -> float | None:
        """From the last text of the line to the first of the reply."""
        reply = self.response
        if reply is None or reply.first_text_ms is None:
            return None
        return reply.first_text_ms - self.spoken.end_ms

    @property
    def cut_ms(self) -> float | None:
        """When the reply that the line fell into fell silent, unless it went on before the next."""
        silence = None if self.fell_into is None else self.fell_into.silence_at(self.until_ms)
        return None if silence is None else silence.begin_ms

    @property
    def ended_by_itself(self) -> bool:
        """The reply that the line fell into came to its own end before it could be yielded."""
        reply = self.fell_into
        if reply is None or reply.over_ms is None or reply.was_cut:
            return False
        return reply.over_ms <= self.spoken.end_ms + 2 * self.tick_ms

    def yields_within(self, window_ms: float, *, of_start: bool = False) -> bool:
        """Whether the reply fell silent within so much of the line's end, or of its start."""
        reference_ms = self.spoken.start_ms if of_start else self.spoken.end_ms
        return self.cut_ms is not None and self.cut_ms <= reference_ms + window_ms

    def is_quiet_for(self, window_ms: float) -> bool:
        """Whether no reply began during the line and so much time after it."""
        limit_ms = self.spoken.end_ms + window_ms
        return not any(reply.started_ms <= limit_ms for reply in self.inside + self.after)

    def carries_on_for(self, window_ms: float) -> bool:
        """Whether the reply it fell into went on, and none began, for so much time after it, or
        until the next line.

        It may fall silent for two ticks: for so long the line may have looked like something else.
        """
        silences = [] if self.fell_into is None else self.fell_into.silences
        begin_ms = self.spoken.start_ms
        limit_ms = min(self.spoken.end_ms + window_ms, self.until_ms)
        is_broken = any(
            silence.begin_ms <= limit_ms
            and (silence.end_ms is None or silence.end_ms - silence.begin_ms > 2 * self.tick_ms)
            for silence in silences
            if silence.end_ms is None or silence.end_ms > begin_ms
        )
        return not is_broken and self.is_quiet_for(window_ms)

    def resumes_within(self, window_ms: float) -> bool:
        """Whether the reply before it is given as it was, so long after it, and no other stands.

        Another that was shown and taken back is counted as such (`shown_withdrawn_per_turn`).
        """
        reply, limit_ms = self.before, self.spoken.end_ms + window_ms
        others = [r for r in self.inside + self.after if not r.is_taken_back]
        if reply is None or not reply.is_the_same_again:
            return False
        is_alone = not any(other.started_ms <= limit_ms for other in others)
        return is_alone and reply.silence_at(limit_ms) is None

    def keeps_what_was_heard(self, num_chars: int) -> bool:
        """Whether the transcript has of the reply before it what was heard, up to so much."""
        if self.before is None or self.before.played_chars is None:
            return False
        if self.before.played_ms is not None:  # it was heard to its end
            return self.kept is not None and self.kept.outcome is Outcome.COMPLETE
        num_kept = len(self.kept.text) if self.kept is not None else 0
        return abs(num_kept - self.before.played_chars) <= num_chars

    def is_answered_by(self, num_replies: int) -> bool:
        """Whether so many replies to it were shown, and the last was not cut."""
        shown = self.shown
        is_cut = bool(shown) and shown[-1].was_cut
        return len(shown) == num_replies and not is_cut

    @property
    def label(self) -> Label | None:
        """For a line that fell into a reply."""
        if self.fell_into is None:
            return None
        if any(reply.text and not reply.is_taken_back for reply in self.inside + self.after):
            return Label.RESPOND
        return Label.RESUME if self.cut_ms is None else Label.SILENT

    @property
    def takeovers(self) -> list[RecordedReply]:
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
        if self.act is Act.GO_ON:
            start_ms, reply = self.spoken.start_ms, self.before
            return reply is not None and reply.silence_at(start_ms) is not None
        return self.fell_into is not None or not self.spoken.line.falls_into_reply

    @property
    def failures(self) -> list[str]:
        """What was expected and did not happen, in words."""
        checks = {
            "respond": self._responds_within,
            "yield": lambda window: self.yields_within(window) or self.ended_by_itself,
            "carry_on": self.carries_on_for,
            "stay_silent": self.is_quiet_for,
            "resume": self.resumes_within,
            "entries": lambda number: len(self.entries) == number,
            "replies": self.is_answered_by,
            "heard": self.keeps_what_was_heard,
        }
        asked = self.spoken.line.expected.asked
        return [f"{name} {value}" for name, value in asked.items() if not checks[name](value)]

    def _responds_within(self, window_ms: float) -> bool:
        latency_ms = self.response_latency_ms
        return latency_ms is not None and latency_ms <= window_ms


def outcomes(record: Record) -> list[LineOutcome]:
    """One for each line that was said, in their order."""
    return [_outcome(record, number) for number in range(len(record.lines))]


def _outcome(record: Record, number: int) -> LineOutcome:
    spoken = record.lines[number]
    following = record.lines[number + 1] if number + 1 < len(record.lines) else None
    until_ms = record.end_ms if following is None else following.start_ms
    begun = [r for r in record.replies if spoken.start_ms < r.started_ms <= until_ms]
    told = [r for r in record.replies if r.text and r.started_ms <= spoken.start_ms]
    before = told[-1] if told else None
    num_entries = None if following is None else following.num_entries_before
    return LineOutcome(
        spoken=spoken,
        tick_ms=record.tick_ms,
        fell_into=record.reply_at(spoken.start_ms),
        inside=tuple(r for r in begun if r.started_ms < spoken.end_ms),
        after=tuple(r for r in begun if r.started_ms >= spoken.end_ms),
        until_ms=until_ms,
        before=before,
        kept=_kept(record, before),
        entries=tuple(record.entries(Role.USER)[spoken.num_entries_before : num_entries]),
    )


def _kept(record: Record, reply: RecordedReply | None) -> Entry | None:
    said = record.entries(Role.ASSISTANT)
    return next((e for e in said if reply and e.response_id == reply.number), None)
