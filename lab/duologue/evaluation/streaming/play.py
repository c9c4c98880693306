"""Plays many speakers against one engine at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from duologue.clock import ManualClock
from duologue.engine.engine import Engine
from duologue.errors import InvalidSetting
from duologue.evaluation.rows import Row
from duologue.evaluation.streaming.course import StreamedText
from duologue.evaluation.streaming.speaker import RowSpeaker
from duologue.evaluation.trunk import with_past
from duologue.events import Envelope
from duologue.runtime.local import LocalRuntime
from duologue.session.setup import SessionSetup

ALPHAS = (0, 1, 3, 5)

Advance = Callable[[int], None]
"""advance(rows): hears of texts that are done."""


@dataclass(frozen=True, slots=True)
class StreamingSettings:
    """How texts are said."""

    word_ms: int = 250
    """From one word to the next."""
    num_sessions: int = 48
    """Texts that are said at the same time."""
    alphas: tuple[int, ...] = ALPHAS
    """Look-ahead tokens to compare."""
    rates_ms: tuple[int, ...] = ()
    """Further times from word to word, at which the look-ahead in force is played."""

    def __post_init__(self) -> None:
        if min(self.word_ms, self.num_sessions, *self.rates_ms) < 1:
            raise InvalidSetting("word_ms, rates and the number of sessions must be 1 or more")
        if not self.alphas or min(self.alphas) < 0 or len(set(self.alphas)) < len(self.alphas):
            raise InvalidSetting(
                f"must be different numbers from 0, not {self.alphas}", field="alphas"
            )


@dataclass(frozen=True, slots=True)
class Play:
    """All texts at one look-ahead, and what it took."""

    alpha: int
    courses: Sequence[StreamedText]
    num_ticks: int
    num_forwards: int
    num_rows: int


def play(
    engine: Engine,
    setup: SessionSetup,
    rows: Sequence[Row],
    settings: StreamingSettings,
    alpha: int,
    advance: Advance = lambda num_rows: None,
) -> Play:
    """Say every row's text to a session of its own, in simulated time that computing does not take.

    The courses are in the order of the rows.
    """
    decoding = replace(setup.decoding, look_ahead_tokens=alpha)
    stage = _SessionsAtOnce(engine, replace(setup, decoding=decoding), rows, settings)
    return stage.run(alpha, advance)


class _SessionsAtOnce:
    """Keeps so many sessions at it: when one is done, the next one begins."""

    def __init__(
        self,
        engine: Engine,
        setup: SessionSetup,
        rows: Sequence[Row],
        settings: StreamingSettings,
    ) -> None:
        self._setup, self._rows, self._settings = setup, rows, settings
        self._clock = ManualClock()
        tick_ms = setup.decoding.tick_ms
        self._runtime = LocalRuntime(engine, self._clock, tick_ms=tick_ms, listener=self._listen)
        self._speakers: dict[str, RowSpeaker] = {}
        self._courses: dict[str, StreamedText] = {}

    def run(self, alpha: int, advance: Advance) -> Play:
        names = [f"text-{place}" for place in range(len(self._rows))]
        waiting = list(reversed(list(zip(names, self._rows, strict=True))))
        num_ticks, num_forwards, num_rows = 0, 0, 0
        try:
            while waiting or self._speakers:
                while waiting and len(self._speakers) < self._settings.num_sessions:
                    self._open(*waiting.pop())
                self._pass_time(until_ms=self._clock.now_ms())
                report = self._runtime.run_tick()
                num_ticks += 1
                num_forwards += report.num_forwards
                num_rows += report.num_rows
                advance(self._dismiss())
                ticks = self._runtime.ticks
                self._pass_time(until_ms=ticks.start_of(self._runtime.tick + 1))
        finally:
            for name in self._speakers:
                self._runtime.close(name)
        courses = [self._courses[name] for name in names]
        return Play(alpha, courses, num_ticks, num_forwards, num_rows)

    def _open(self, name: str, row: Row) -> None:
        decoding = self._setup.decoding
        limit_ms = max(decoding.decide_after_ms, self._setup.listening.last_limit_ms)
        patience_ms = limit_ms + 3 * decoding.tick_ms
        self._runtime.open(name, with_past(self._setup, row.heard_context))
        now_ms, word_ms = self._clock.now_ms(), self._settings.word_ms
        self._speakers[name] = RowSpeaker(row, now_ms, word_ms, patience_ms)

    def _pass_time(self, until_ms: float) -> None:
        """Move the clock; on the way everybody says their words at the very times they are due."""
        tick = self._runtime.ticks.tick_at(until_ms)
        dues = [
            (due_ms, name)
            for name, speaker in self._speakers.items()
            for due_ms in speaker.dues_ms(until_ms)
        ]
        for due_ms, name in sorted(dues):
            self._clock.advance(due_ms - self._clock.now_ms())
            self._runtime.send(name, self._speakers[name].say(due_ms, tick))
        self._clock.advance(until_ms - self._clock.now_ms())

    def _listen(self, name: str, envelopes: Sequence[Envelope], now_ms: float) -> None:
        self._speakers[name].hear(envelopes, now_ms)

    def _dismiss(self) -> int:
        """Let go of those who are done; returns their number."""
        now_ms = self._clock.now_ms()
        done = [name for name, speaker in self._speakers.items() if speaker.is_done(now_ms)]
        for name in done:
            self._courses[name] = self._speakers.pop(name).course
            self._runtime.close(name)
        return len(done)
