"""Plays a scenario against the real engine, in simulated time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from duologue.clock import ManualClock
from duologue.engine.engine import Engine
from duologue.evaluation.duplex.oracle import OracleHead, state_so_far
from duologue.evaluation.duplex.player import Player
from duologue.evaluation.duplex.record import Record, SpokenLine
from duologue.evaluation.duplex.record_writer import RecordWriter
from duologue.evaluation.duplex.scenario import Line, Scenario
from duologue.evaluation.duplex.speech import SpeechPiece
from duologue.evaluation.duplex.windows import (
    MAX_CUE_MS,
    MAX_REPLY_MS,
    RESPONSE_WINDOW_MS,
    YIELD_WINDOW_MS,
)
from duologue.events import ClientEvent, Envelope, InputAppend, InputCommit, InputRevise
from duologue.runtime.local import LocalRuntime, TickReport
from duologue.session.setup import SessionSetup
from duologue.session.transcript import Role
from duologue.session_config import SessionConfig
from duologue.talk.script import After


@dataclass(frozen=True, slots=True)
class _Due:
    """A piece of a line, or a commit, at its time."""

    at_ms: float
    event: ClientEvent
    piece: SpeechPiece | None = None
    is_late: bool = False
    """The user has ended: it is only recognition that still has something to say."""


class Stage:
    """One scenario on its way: says the lines, keeps the clock, writes the record.

    Time passes by what the forwards take: as measured, or `forward_ms` for each of them. The user
    is not kept waiting by the engine: what they say comes at its time, also between two ticks.
    An engine whose state head is `oracle` is told when a line is complete. With `commits`, the user
    says at the end of each line that asks something that the turn is over.
    """

    def __init__(
        self,
        scenario: Scenario,
        engine: Engine,
        setup: SessionSetup,
        *,
        forward_ms: float | None = None,
        oracle: OracleHead | None = None,
        commits: bool = False,
    ) -> None:
        decoding = replace(setup.decoding, max_reply_tokens=scenario.max_reply_tokens)
        self.record = Record(scenario, decoding.strategy, decoding.tick_ms)
        self._forward_ms = forward_ms
        self._oracle = oracle
        self._commits = commits
        self._player = Player(scenario.playback) if scenario.playback is not None else None
        self._writer = RecordWriter(self.record, self._player)
        self._clock = ManualClock()
        self._runtime = LocalRuntime(
            engine,
            self._clock,
            tick_ms=decoding.tick_ms,
            listener=self._listen,
            charge=self._charge,
        )
        playback = scenario.playback
        declares = SessionConfig(reports_playback=playback is not None and playback.is_declared)
        opened = replace(setup, decoding=decoding, history=scenario.history).changed(declares)
        self.session = self._runtime.open(scenario.name, opened)
        self._due: list[_Due] = []
        self._last_piece: SpeechPiece | None = None

    @property
    def now_ms(self) -> float:
        return self._clock.now_ms()

    def play(self) -> Record:
        """Play to the end: all lines are said, and what is to be seen of them was seen."""
        for _ in self.ticks():
            pass
        return self.record

    def ticks(self) -> Iterator[TickReport]:
        """Play to the end, tick by tick."""
        try:
            while not self._is_over:
                yield self.step()
        finally:
            self.record.num_discarded_tokens = self.session.usage.discarded_tokens
            self._writer.close(self.session.transcript, self.now_ms)
            self._runtime.close(self.session.session_id)

    def step(self) -> TickReport:
        """One tick, and the time to the next."""
        self._line_up()
        self._pass_time(self.now_ms)
        self._tell_oracle()
        report = self._runtime.run_tick()
        self.record.num_slices += report.num_slices
        self.record.num_forwards += report.num_forwards
        self._line_up()
        self._pass_time(self.now_ms + self._runtime.ticks.until_next(self.now_ms))
        return report

    @property
    def _is_said(self) -> bool:
        """Whether the user has ended the last line that was begun."""
        return all(due.is_late for due in self._due)

    @property
    def _is_over(self) -> bool:
        record = self.record
        if self._due:
            return False
        if record.unsaid:
            return True
        return len(record.lines) == len(record.scenario.lines) and self._is_settled(
            record.lines[-1]
        )

    def _is_settled(self, spoken: SpokenLine) -> bool:
        """Whether there is nothing more to be seen of what follows from the last line."""
        silent_ms = self.now_ms - spoken.end_ms
        expected = spoken.line.expected
        if self.now_ms - spoken.settled_ms < expected.watch_ms:
            return False
        fell_into = self.record.reply_at(spoken.start_ms)
        has_yielded = fell_into is None or not fell_into.runs_at(self.now_ms)
        if expected.yield_ is not None and not has_yielded and silent_ms < YIELD_WINDOW_MS:
            return False
        is_answered = any(
            reply.started_ms >= spoken.end_ms and reply.text for reply in self.record.replies
        )
        return not spoken.line.asks or is_answered or silent_ms >= RESPONSE_WINDOW_MS

    def _line_up(self) -> None:
        """If the next line's time is known, make its pieces due."""
        lines, record = self.record.scenario.lines, self.record
        if not self._is_said or record.unsaid or len(record.lines) == len(lines):
            return
        line = lines[len(record.lines)]
        start_ms = self._start_of(line)
        if start_ms is None:
            return
        if line.falls_into_reply and record.being_given is None:
            record.unsaid = "the reply was over before the line began"
            return
        speech = line.spoken_over(record.replies[-1].text if record.replies else "")
        commits_ms = list(speech.commits_ms)
        if self._commits and line.asks and not commits_ms:
            commits_ms.append(speech.duration_ms)
        num_entries = sum(entry.role is Role.USER for entry in self.session.transcript)
        record.lines.append(SpokenLine(line, speech, start_ms, bool(commits_ms), num_entries))
        self._due += [self._piece_due(piece, start_ms) for piece in speech.pieces]
        self._due += [_Due(start_ms + at_ms, InputCommit()) for at_ms in commits_ms]
        self._due += [self._piece_due(piece, start_ms, is_late=True) for piece in speech.late]
        self._due.sort(key=lambda due: due.at_ms)

    def _piece_due(self, piece: SpeechPiece, start_ms: float, *, is_late: bool = False) -> _Due:
        segment = f"line-{len(self.record.lines)}" + (f".{piece.segment}" if piece.segment else "")
        kind = InputRevise if piece.revises else InputAppend
        event = kind(segment, piece.text, piece.is_final)
        return _Due(start_ms + piece.at_ms, event, piece, is_late)

    def _start_of(self, line: Line) -> float | None:
        """When the next line begins, if it begins before the next tick; None: not yet."""
        before_ms = self.record.lines[-1].end_ms if self.record.lines else 0.0
        horizon_ms = self.now_ms + self._runtime.ticks.until_next(self.now_ms)
        cue_ms = self._cue(line.after, before_ms)
        if cue_ms is None:
            return None
        start_ms = max(before_ms, cue_ms + line.delay_ms if line.at_ms is None else line.at_ms)
        return start_ms if start_ms < horizon_ms else None

    def _cue(self, after: After, before_ms: float) -> float | None:
        """When what a line waits for came; a reply that does not begin ends the scenario."""
        if after is After.PREVIOUS:
            return before_ms
        begun = [
            reply.first_text_ms
            for reply in self.record.replies
            if reply.started_ms >= before_ms and reply.first_text_ms is not None
        ]
        waited_ms = self.now_ms - before_ms
        running = self.record.running
        if not begun and waited_ms > MAX_CUE_MS / 2 and running is not None and running.text:
            begun = [before_ms]  # a reply to an early part of the line stood
        if not begun:
            if waited_ms > MAX_CUE_MS:
                self.record.unsaid = "no reply to the line before"
            return None
        if after is After.REPLY_START:
            return begun[0]
        if running is not None and waited_ms < MAX_REPLY_MS:
            return None
        return max(reply.ended_ms or 0.0 for reply in self.record.replies)

    def _tell_oracle(self) -> None:
        if self._oracle is None or not self.record.lines:
            return
        last = self._last_piece
        self._oracle.state = state_so_far(
            self.record.lines[-1].line,
            is_complete=self._is_said,
            is_segment_over=last is not None and last.is_final,
        )

    def _pass_time(self, end_ms: float) -> None:
        """Let time pass; what comes due until its end, comes at its time."""
        self._send_due()
        while (next_ms := self._next_ms) is not None and next_ms <= end_ms:
            self._clock.advance(max(0.0, next_ms - self.now_ms))
            self._send_due()
        self._clock.advance(max(0.0, end_ms - self.now_ms))

    @property
    def _next_ms(self) -> float | None:
        said_ms = self._due[0].at_ms if self._due else None
        reported_ms = None if self._player is None else self._player.next_ms
        due_ms = self._runtime.next_due_ms()
        if due_ms is not None and due_ms <= self.now_ms:
            due_ms = None  # it was let happen, and needs a slice
        times = [ms for ms in (said_ms, reported_ms, due_ms) if ms is not None]
        return min(times, default=None)

    def _send_due(self) -> None:
        while self._due and self._due[0].at_ms <= self.now_ms:
            due = self._due.pop(0)
            self._last_piece = due.piece or self._last_piece
            self._runtime.send(self.session.session_id, due.event)
        for ack in self._player.arrived(self.now_ms) if self._player is not None else ():
            self._runtime.send(self.session.session_id, ack)
        self._runtime.poll()

    def _charge(self, took_ms: float) -> None:
        self._clock.advance(took_ms if self._forward_ms is None else self._forward_ms)

    def _listen(self, session_id: str, envelopes: Sequence[Envelope], now_ms: float) -> None:
        for envelope in envelopes:
            self._writer.write(envelope.event, now_ms)
