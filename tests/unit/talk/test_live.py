"""The terminal interface: keys become events, events become a picture."""

import os
import pty
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from duologue.session.transcript import Outcome
from duologue.states import State
from duologue.talk.keys import Key, Keyboard
from duologue.talk.live import SESSION_ID, Typist
from duologue.talk.screen import Screen
from tests.unit.talk.worlds import Theatre, tiny_assembly


@pytest.fixture
def world(tmp_path: Path) -> Theatre:
    assembly, head = tiny_assembly(tmp_path)
    head.state = State.QUERY
    return Theatre(assembly, session_id=SESSION_ID)


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
    world.run_ticks(6)
    assert "assistant" in picture(screen, "")


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
