"""A live conversation: type at any time, also while the model speaks."""

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.live import Live

from duologue.clock import MonotonicClock
from duologue.events import Envelope, InputAppend, InputCommit, InputRevise, ResponseCancel
from duologue.runtime.assembly import Assembly
from duologue.runtime.local import LocalRuntime
from duologue.talk.keys import Key, Keys, raw_keyboard
from duologue.talk.screen import Screen

SESSION_ID = "talk"
PAST_LINES = 12


class Typist:
    """Turns key presses into client events: one segment per line, revised by backspace."""

    def __init__(self, runtime: LocalRuntime) -> None:
        self._runtime = runtime
        self._num_lines = 0
        self._pressed_ms = 0.0
        self.text = ""
        self.is_gone = False

    def press(self, key: str | Key) -> bool:
        """Take one key; returns whether it changed the text."""
        self._pressed_ms = self._runtime.clock.now_ms()
        match key:
            case Key.END:
                self.is_gone = True
            case Key.ESCAPE:
                self._runtime.send(SESSION_ID, ResponseCancel())
            case Key.ENTER:
                self._runtime.send(SESSION_ID, InputCommit())
                self.new_line()
            case Key.BACKSPACE:
                return self._erase()
            case str(text):
                self.text += text
                self._runtime.send(SESSION_ID, InputAppend(self._segment_id, text))
                return True
        return False

    def new_line(self) -> None:
        """What is typed next belongs to something new."""
        self.text = ""
        self._num_lines += 1

    def rest(self, continues_within_ms: float) -> None:
        """What was typed is decided: begin a new line, unless more may follow at once."""
        if self.text and self._runtime.clock.now_ms() - self._pressed_ms > continues_within_ms:
            self.new_line()

    @property
    def _segment_id(self) -> str:
        return f"line-{self._num_lines}"

    def _erase(self) -> bool:
        if not self.text:
            return False
        self.text = self.text[:-1]
        self._runtime.send(SESSION_ID, InputRevise(self._segment_id, self.text))
        return True


def hold_live(assembly: Assembly, console: Console | None = None) -> None:
    """Converse at the terminal until the user leaves; prints the latencies then."""
    clock = MonotonicClock()
    screens: list[Screen] = []

    def listen(session_id: str, envelopes: Sequence[Envelope], now_ms: float) -> None:
        for screen in screens:
            screen.told(envelopes, now_ms)

    tick_ms = assembly.setup.decoding.tick_ms
    runtime = LocalRuntime(assembly.engine, clock, tick_ms=tick_ms, listener=listen)
    session = runtime.open(SESSION_ID, assembly.setup)
    screen = Screen(session, height=PAST_LINES)
    screens.append(screen)
    typist = Typist(runtime)
    console = console or Console()
    try:
        with (
            raw_keyboard() as keyboard,
            Live(console=console, auto_refresh=False, screen=True) as live,
        ):

            def draw() -> None:
                live.update(screen.draw(typist.text), refresh=True)

            while not typist.is_gone:
                run_tick(runtime, typist, keyboard, screen, draw)
                if not session.utterance:
                    typist.rest(assembly.setup.decoding.continues_within_ms)
                draw()
    except KeyboardInterrupt:
        pass
    finally:
        runtime.close(SESSION_ID)
    for reply in screen.meter.replies:
        if reply.first_text_ms is not None:
            console.print(f"reply {reply.response_id}: first text {reply.first_text_ms:.0f} ms")


def run_tick(
    runtime: LocalRuntime,
    typist: Typist,
    keyboard: Keys,
    screen: Screen,
    draw: Callable[[], None],
) -> None:
    """Run a tick, then listen to the keyboard until the next; draw what comes up meanwhile."""
    runtime.run_tick()
    tick, num_told = runtime.tick, screen.num_told
    while runtime.tick == tick and not typist.is_gone:
        if screen.num_told != num_told:
            num_told = screen.num_told
            draw()
        keys = keyboard.pressed(runtime.idle_ms())
        changes = [typist.press(key) for key in keys]
        if any(changes):
            screen.meter.heard(runtime.clock.now_ms())
        runtime.poll()
