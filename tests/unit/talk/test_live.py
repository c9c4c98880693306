"""The terminal interface: keys become events, events become a picture."""

import os
import pty
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from duologue.clock import ManualClock
from duologue.events import Envelope, InputAppend, InputCommit
from duologue.runtime.assembly import Assembly
from duologue.runtime.local import LocalRuntime
from duologue.session.silence import USUAL_WORD_GAP_MS
from duologue.session.transcript import Outcome
from duologue.states import State
from duologue.talk.keys import Key, Keyboard
from duologue.talk.live import SESSION_ID, Typist, run_tick
from duologue.talk.screen import Screen
from tests.unit.talk.worlds import TICK_MS, DictatedHead, Theatre, tiny_assembly


@pytest.fixture
def made(tmp_path: Path) -> tuple[Assembly, DictatedHead]:
    return tiny_assembly(tmp_path, max_reply_tokens=48)


@pytest.fixture
def head(made: tuple[Assembly, DictatedHead]) -> DictatedHead:
    made[1].state = State.QUERY
    return made[1]


@pytest.fixture
def world(made: tuple[Assembly, DictatedHead], head: DictatedHead) -> Theatre:
    return Theatre(made[0], session_id=SESSION_ID)


def picture(screen: Screen, typed: str) -> str:
    paper = StringIO()
    Console(file=paper, width=90).print(screen.draw(typed))
    return paper.getvalue()


def typed(typist: Typist, text: str) -> None:
    for char in text:
        typist.press(char)


def test_what_is_typed_is_heard_and_answered(world: Theatre) -> None:
    screen, typist = Screen(world.session, height=8), Typist(world.runtime)
    typed(typist, "what is itt")
    assert typist.press(Key.BACKSPACE)
    world.run_ticks()
    assert "held, 3 tokens so far" in picture(screen, typist.text)
    world.run_ticks(6)
    screen.told(world.told, world.clock.now_ms())
    shown = picture(screen, typist.text)
    assert "what is it▏" in shown
    assert "first text after" in shown
    assert world.session.transcript[0].text == "what is it"
    world.run_ticks(60)
    assert "assistant" in picture(screen, "")


class Hands:
    """A keyboard at which nobody types; waiting at it takes the clock's time."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.num_waits = 0

    def pressed(self, wait_ms: float) -> list[str | Key]:
        self.num_waits += 1
        self._clock.advance(wait_ms)
        return []


def test_a_reply_that_is_confirmed_between_two_ticks_is_drawn_then(
    made: tuple[Assembly, DictatedHead], head: DictatedHead
) -> None:
    clock, screens, drawn_ms = ManualClock(), list[Screen](), list[float]()

    def listen(session_id: str, envelopes: Sequence[Envelope], now_ms: float) -> None:
        screens[0].told(envelopes, now_ms)

    setup = made[0].setup
    runtime = LocalRuntime(made[0].engine, clock, tick_ms=TICK_MS, listener=listen)
    screens.append(Screen(runtime.open(SESSION_ID, setup), height=8))
    hands, typist = Hands(clock), Typist(runtime)
    typist.press("w")
    for _ in range(6):
        run_tick(runtime, typist, hands, screens[0], lambda: drawn_ms.append(clock.now_ms()))
    confirmed_ms = setup.floor.confirm_word_gaps * USUAL_WORD_GAP_MS
    assert confirmed_ms % TICK_MS > 0
    assert drawn_ms == [pytest.approx(confirmed_ms)]
    assert hands.num_waits == 7, "no busy waiting: once a tick, and once for the confirmation"


def test_a_reply_that_waits_is_shown_as_paused(world: Theatre, head: DictatedHead) -> None:
    screen = Screen(world.session, height=8)
    world.runtime.send(SESSION_ID, InputAppend("a", "hello"))
    world.runtime.send(SESSION_ID, InputCommit())
    world.run_ticks(2)
    head.state = State.HOLD
    world.runtime.send(SESSION_ID, InputAppend("b", "hold on"))
    world.runtime.send(SESSION_ID, InputCommit())
    world.run_ticks(2)
    screen.told(world.told, world.clock.now_ms())
    shown = picture(screen, "")
    assert "out ◂ model · paused: hold" in shown
    assert "the reply falls silent" in shown


def test_a_decided_line_makes_room_for_the_next(world: Theatre) -> None:
    typist = Typist(world.runtime)
    typed(typist, "yes")
    world.run_ticks()
    typist.rest(continues_within_ms=800)
    assert typist.text == "yes"
    world.clock.advance(900)
    typist.rest(continues_within_ms=800)
    assert typist.text == ""


def test_enter_commits_and_escape_cancels(tmp_path: Path) -> None:
    assembly, head = tiny_assembly(tmp_path)
    head.state = State.INCOMPLETE
    world = Theatre(assembly, session_id=SESSION_ID)
    typist = Typist(world.runtime)
    typed(typist, "what is")
    world.run_ticks()
    assert not world.session.transcript
    typist.press(Key.ENTER)
    world.run_ticks()
    assert len(world.session.transcript) == 1
    head.state = State.QUERY
    typed(typist, "tell me more")
    typist.press(Key.ENTER)
    world.run_ticks()
    typist.press(Key.ESCAPE)
    world.run_ticks()
    assert world.session.transcript[-1].outcome is Outcome.CUT
    typist.press(Key.END)
    assert typist.is_gone


def test_there_is_nothing_to_erase_in_an_empty_line(world: Theatre) -> None:
    assert not Typist(world.runtime).press(Key.BACKSPACE)
    assert world.session.utterance == ""


def test_keys_are_read_one_by_one() -> None:
    master, slave = pty.openpty()
    try:
        keyboard = Keyboard(master)
        os.write(slave, "hé".encode())
        assert keyboard.pressed(1000) == ["h", "é"]
        os.write(slave, b"\x7f\x04\x1b[A")
        pressed = keyboard.pressed(1000)
        assert pressed[:2] == [Key.BACKSPACE, Key.END]
        os.write(slave, b"\x1b[A")
        assert keyboard.pressed(1000) == []
        assert keyboard.pressed(0) == []
    finally:
        os.close(master)
        os.close(slave)
