"""Plays a scenario against the real engine, in simulated time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from duologue.clock import ManualClock
from duologue.engine.engine import Engine
from duologue.evaluation.duplex.acts import ASKING
from duologue.evaluation.duplex.oracle import OracleHead, true_state
from duologue.evaluation.duplex.record import Decision, Record, Reply, SpokenLine
from duologue.evaluation.duplex.scenario import Line, Scenario
from duologue.evaluation.duplex.windows import (
    MAX_CUE_MS,
    MAX_REPLY_MS,
    RESPONSE_WINDOW_MS,
    YIELD_WINDOW_MS,
)
from duologue.events import (
    Envelope,
    Error,
    InputAppend,
    InputRevise,
    InputState,
    Interrupted,
    ResponseDelta,
    ResponseDone,
    ResponseStarted,
    ServerEvent,
)
from duologue.lane.steps import Reopen
from duologue.runtime.local import LocalRuntime, TickReport
from duologue.session.setup import SessionSetup
from duologue.states import State
from duologue.talk.script import After


@dataclass(frozen=True, slots=True)
class _Due:
    """A piece of a line, at its time."""

    at_ms: float
    event: InputAppend | InputRevise


class Stage:
    """One scenario on its way: says the lines, keeps the clock, writes the record.

    Time passes by what the forwards take: as measured, or `forward_ms` for each of them. The user
    is not kept waiting by the engine: what they say comes at its time, also between two ticks.
    An engine whose state head is `oracle` is told when a line is complete.
    """

    def __init__(
        self,
        scenario: Scenario,
        engine: Engine,
        setup: SessionSetup,
        *,
        forward_ms: float | None = None,
        oracle: OracleHead | None = None,
    ) -> None:
        decoding = replace(setup.decoding, max_reply_tokens=scenario.max_reply_tokens)
        self.record = Record(scenario, decoding.strategy, decoding.tick_ms)
        self._forward_ms = forward_ms
        self._oracle = oracle
        self._clock = ManualClock()
        self._runtime = LocalRuntime(
            engine,
            self._clock,
            tick_ms=decoding.tick_ms,
            listener=self._listen,
            charge=self._charge,
        )
        self.session = self._runtime.open(scenario.name, replace(setup, decoding=decoding))
        self._due: list[_Due] = []
        self._cut_now: list[int] = []  # replies that were cut in the present tick

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
            self._runtime.close(self.session.session_id)
            self.record.end_ms = self.now_ms

    def step(self) -> TickReport:
        """One tick, and the time to the next."""
        self._line_up()
        self._say_until(self.now_ms)
        self._cut_now.clear()
        self._tell_oracle()
        report = self._runtime.run_tick()
        self._note(report)
        self._line_up()
        end_ms = self.now_ms + self._runtime.ticks.until_next(self.now_ms)
        self._say_until(end_ms)
        self._clock.advance(end_ms - self.now_ms)
        return report

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
        if silent_ms < max(expected.carry_on or 0, expected.stay_silent or 0):
            return False
        fell_into = self.record.reply_at(spoken.start_ms)
        has_yielded = fell_into is None or fell_into.ended_ms is not None
        if expected.yield_ is not None and not has_yielded and silent_ms < YIELD_WINDOW_MS:
            return False
        is_answered = any(
            reply.started_ms >= spoken.end_ms and reply.text for reply in self.record.replies
        )
        asks = spoken.line.does in ASKING or expected.respond is not None
        return not asks or is_answered or silent_ms >= RESPONSE_WINDOW_MS

    def _line_up(self) -> None:
        """If the next line's time is known, make its pieces due."""
        lines, record = self.record.scenario.lines, self.record
        if self._due or record.unsaid or len(record.lines) == len(lines):
            return
        line = lines[len(record.lines)]
        start_ms = self._start_of(line)
        if start_ms is None:
            return
        if line.falls_into_reply and record.running is None:
            record.unsaid = "the reply was over before the line began"
            return
        spoken = SpokenLine(line, line.speech, start_ms)
        record.lines.append(spoken)
        segment = f"line-{len(record.lines)}"
        self._due = [
            _Due(
                start_ms + piece.at_ms,
                InputRevise(segment, piece.text)
                if piece.revises
                else InputAppend(segment, piece.text),
            )
            for piece in spoken.speech.pieces
        ]

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
        if self._oracle is not None and self.record.lines:
            is_complete = not self._due
            act = self.record.lines[-1].line.does
            self._oracle.state = true_state(act) if is_complete else State.INCOMPLETE

    def _say_until(self, end_ms: float) -> None:
        while self._due and self._due[0].at_ms <= end_ms:
            due = self._due.pop(0)
            self._clock.advance(max(0.0, due.at_ms - self.now_ms))
            self._runtime.send(self.session.session_id, due.event)

    def _charge(self, took_ms: float) -> None:
        self._clock.advance(took_ms if self._forward_ms is None else self._forward_ms)

    def _listen(self, session_id: str, envelopes: Sequence[Envelope], now_ms: float) -> None:
        for envelope in envelopes:
            self._write(envelope.event, now_ms)

    def _write(self, event: ServerEvent, now_ms: float) -> None:
        record = self.record
        match event:
            case InputState(state, probabilities, text) if state is not State.INCOMPLETE:
                record.decisions.append(Decision(now_ms, state, text, probabilities))
            case ResponseStarted(number):
                record.replies.append(Reply(number, now_ms))
            case ResponseDelta(number, text):
                reply = self._reply(number)
                reply.text += text
                reply.first_text_ms = now_ms if reply.first_text_ms is None else reply.first_text_ms
            case ResponseDone(number, reason):
                reply = self._reply(number)
                reply.ended_ms, reply.end = now_ms, reason
            case Interrupted(number):
                self._cut_now.append(number)
            case Error(code, message):
                record.errors.append(f"{code}: {message}")
            case _:
                pass

    def _reply(self, number: int) -> Reply:
        return next(each for each in self.record.replies if each.number == number)

    def _note(self, report: TickReport) -> None:
        record = self.record
        record.num_slices += report.num_slices
        record.num_forwards += report.num_forwards
        steps = [step for result in report.results for step in result.steps]
        if any(isinstance(step, Reopen) for step in steps):
            for reply in record.replies:
                reply.is_taken_back |= reply.number in self._cut_now
