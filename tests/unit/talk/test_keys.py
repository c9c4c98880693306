"""Whatever a terminal sends, and in whatever pieces: keys are keys, and pastes are whole."""

import os
import pty
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.talk.keys import Key, Keyboard, KeyReader

FAMILY = "👩‍👩‍👧"
PASTE = "\x1b[200~{}\x1b[201~"


def read(*pieces: bytes) -> list[str | Key]:
    reader = KeyReader()
    last = len(pieces) - 1
    return [
        key
        for number, piece in enumerate(pieces)
        for key in reader.read(piece, is_all=number == last)
    ]


def test_a_paste_is_one_text_with_its_line_breaks() -> None:
    sent = PASTE.format("one\r\ntwo\rthree\n\tfour")
    assert read(f"a{sent}b\r".encode()) == ["a", "one\ntwo\nthree\n    four", "b", Key.ENTER]


def test_without_marks_a_line_break_is_enter() -> None:
    assert read(b"a\nb\r") == ["a", Key.ENTER, "b", Key.ENTER]


@pytest.mark.parametrize("text", [FAMILY, "🇵🇹", "👍🏽", "می‌خواهم", "e\u0301", "❤️"])
def test_joiners_and_emoji_are_kept(text: str) -> None:
    assert "".join(map(str, read(text.encode()))) == text
    assert read(PASTE.format(text).encode()) == [text]


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        (b"\x1b", [Key.ESCAPE]),
        (b"\x1b[A", []),
        (b"\x1b[1;5Ca", ["a"]),
        (b"\x1bOPa", ["a"]),
        (b"a\x1b[Ab\x1b[Bc", ["a", "b", "c"]),
        (b"\x1bf", []),
        (b"\x1b\x1b[A", [Key.ESCAPE]),
        (b"a\x1b", ["a", Key.ESCAPE]),
        (b"\x7f\x04\x18", [Key.BACKSPACE, Key.END, Key.ESCAPE]),
        (b"\x01a\x07", ["a"]),
        (b"\xffa", ["\ufffd", "a"]),
    ],
)
def test_keys(sent: bytes, keys: list[str | Key]) -> None:
    assert read(sent) == keys


def test_a_paste_cannot_command_the_terminal() -> None:
    assert read(PASTE.format("a\x1b[31mb\x07").encode()) == ["a[31mb"]


@given(
    text=st.text(st.sampled_from(["a", " ", "\n", "👩", "\u200d", "é", "[", "~"]), max_size=30),
    cuts=st.lists(st.integers(0, 200), max_size=6),
)
def test_pieces_make_no_difference(text: str, cuts: list[int]) -> None:
    sent = f"x{PASTE.format(text)}y\x1b[Az".encode()
    places = sorted({0, len(sent), *(cut % len(sent) for cut in cuts)})
    pieces = [sent[start:end] for start, end in pairwise(places)]
    assert read(*pieces) == ["x", *([text] if text else []), "y", "z"]


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
