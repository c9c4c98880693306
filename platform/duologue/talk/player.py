"""Plays a script against a session, in real or simulated time."""

from collections.abc import Callable, Iterator, Sequence

from duologue.clock import Clock
from duologue.events import Envelope, InputAppend, ResponseStarted
from duologue.lane.phase import ReplyPhase
from duologue.runtime.local import LocalRuntime
from duologue.session.session import Session
from duologue.talk.script import MAX_WAIT_MS, After, Line, Script

Wait = Callable[[float], None]
"""wait(ms): let time pass."""


class Player:
    """Types the lines of a script at their times; one segment per line."""

    def __init__(
        self,
        script: Script,
        session: Session,
        runtime: LocalRuntime,
        *,
        on_note: Callable[[str, float], None] = lambda note, now_ms: None,
        on_word: Callable[[float], None] = lambda now_ms: None,
    ) -> None:
        self._on_note = on_note
        self._on_word = on_word
        self._script = script
        self._session = session
        self._runtime = runtime
        self._clock: Clock = runtime.clock
        self._typing = self._type()
        self._next_ms: float = next(self._typing)
        self._has_said_all = False
        self._has_reply_started = False

    def listen(self, envelopes: Sequence[Envelope]) -> None:
        """Follow the replies, for the lines that wait for one."""
        if any(isinstance(envelope.event, ResponseStarted) for envelope in envelopes):
            self._has_reply_started = True

    def play(self, wait: Wait) -> None:
        """Run ticks until the script is over and the session has fallen silent."""
        while not (self._has_said_all and self._session.is_silent):
            self._type_due()
            self._runtime.run_tick()
            self._pass(wait)

    def _pass(self, wait: Wait) -> None:
        """Let the rest of the tick go by; what is said or told in it comes at its time."""
        tick = self._runtime.tick
        while self._runtime.tick == tick:
            self._type_due()
            self._runtime.poll()
            left_ms = self._runtime.idle_ms()
            if not self._has_said_all:
                left_ms = min(left_ms, max(0.0, self._next_ms - self._clock.now_ms()))
            wait(left_ms)

    def _type_due(self) -> None:
        """Type the words whose time has come."""
        while not self._has_said_all and self._next_ms <= self._clock.now_ms():
            due_ms = next(self._typing, None)
            self._has_said_all = due_ms is None
            self._next_ms = due_ms if due_ms is not None else self._next_ms

    def _type(self) -> Iterator[float]:
        """Yields the time of the next word, then types it."""
        at_ms = self._clock.now_ms()
        for number, line in enumerate(self._script.lines):
            yield from self._await_cue(line)
            at_ms = max(at_ms, self._clock.now_ms()) + line.delay_ms
            yield at_ms
            self._has_reply_started = False
            if line.note:
                self._on_note(line.note, self._clock.now_ms())
            for word in line.words:
                self._on_word(self._clock.now_ms())
                self._runtime.send(
                    self._session.session_id, InputAppend(f"line-{number + 1}", word)
                )
                at_ms += line.word_ms
                yield at_ms

    def _await_cue(self, line: Line) -> Iterator[float]:
        """Polls every tick until the line's cue has come, or has failed to come for long."""
        give_up_ms = self._clock.now_ms() + MAX_WAIT_MS
        while not self._has_come(line.after) and self._clock.now_ms() < give_up_ms:
            now_ms = self._clock.now_ms()
            yield now_ms + self._runtime.ticks.until_next(now_ms)

    def _has_come(self, cue: After) -> bool:
        match cue:
            case After.PREVIOUS:
                return True
            case After.REPLY_START:
                return self._has_reply_started
            case After.REPLY_END:
                return self._session.is_silent and self._session.lane.phase is ReplyPhase.NONE
