"""Single key presses and pastes from a terminal, read without waiting for a line."""

import codecs
import os
import re
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum


class Key(Enum):
    """Keys that are not text."""

    ENTER = "\r"
    BACKSPACE = "\x7f"
    ESCAPE = "\x1b"
    END = "\x04"  # Ctrl-D


_NAMES = {"\r": Key.ENTER, "\n": Key.ENTER, "\x7f": Key.BACKSPACE, "\x08": Key.BACKSPACE}
_NAMES |= {"\x18": Key.ESCAPE, "\x04": Key.END}  # Ctrl-X is like Escape

_PASTE_BEGINS, _PASTE_ENDS = "\x1b[200~", "\x1b[201~"
_PASTES_ON, _PASTES_OFF = "\x1b[?2004h", "\x1b[?2004l"
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|[^\[O\x1b])", re.DOTALL)
"""What terminals send for cursor keys and the like, and for a key with Alt."""
_JOINERS = "\u200c\u200d"
"""They have no width of their own, and hold emoji and letters together."""


class KeyReader:
    """From what a terminal sends to texts and keys. Pure.

    What is pasted comes as one text, with its line breaks, if the terminal marks pastes; in one
    that does not, a line break is Enter. Of a text that was typed, each character is one.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""
        self._pasted: str | None = None

    def read(self, data: bytes, *, is_all: bool = True) -> list[str | Key]:
        """Take what came; `is_all` says that nothing more was waiting to be read."""
        text, self._rest = self._rest + self._decoder.decode(data), ""
        found: list[str | Key] = []
        while text:
            text = self._paste(text, found) if self._pasted is not None else self._key(text, found)
        if is_all and self._rest == "\x1b":
            self._rest = ""
            found.append(Key.ESCAPE)
        return found

    def _paste(self, text: str, found: list[str | Key]) -> str:
        """Take what is pasted, up to the mark of its end; returns what is left."""
        assert self._pasted is not None
        text, self._pasted = self._pasted + text, ""
        pasted, mark, rest = text.partition(_PASTE_ENDS)
        if not mark:
            self._pasted = text
            return ""
        self._pasted = None
        if pasted:
            found.append(_as_text(pasted))
        return rest

    def _key(self, text: str, found: list[str | Key]) -> str:
        """Take one key; returns what is left. What may be the beginning of more is kept."""
        if text.startswith(_PASTE_BEGINS):
            self._pasted = ""
            return text.removeprefix(_PASTE_BEGINS)
        if text[0] == "\x1b":
            sequence = _SEQUENCE.match(text)
            if sequence is not None:
                return text[sequence.end() :]
            if len(text) > 1 and text[1] == "\x1b":
                found.append(Key.ESCAPE)
                return text[1:]
            self._rest = text
            return ""
        if text[0] in _NAMES:
            found.append(_NAMES[text[0]])
        elif _is_text(text[0]):
            found.append(text[0])
        return text[1:]


def _is_text(char: str) -> bool:
    return char.isprintable() or char in _JOINERS


def _as_text(pasted: str) -> str:
    """With line breaks of one kind, and without what would command a terminal."""
    lines = pasted.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    return "".join(char for char in lines if char == "\n" or _is_text(char))


_READ_BYTES = 4096


class Keyboard:
    """Text and keys as they were pressed, in order."""

    def __init__(self, file_descriptor: int) -> None:
        self.file_descriptor = file_descriptor
        self._reader = KeyReader()

    def pressed(self, wait_ms: float) -> list[str | Key]:
        """What was pressed or pasted, after waiting so long at the most for something to come.

        Sequences that terminals send for cursor keys and the like are passed over.
        """
        ready, _, _ = select.select([self.file_descriptor], [], [], max(0.0, wait_ms) / 1e3)
        if not ready:
            return []
        data = os.read(self.file_descriptor, _READ_BYTES)
        if not data:
            return [Key.END]
        return self._reader.read(data, is_all=len(data) < _READ_BYTES)


def _tell_terminal(command: str) -> None:
    if sys.stdout.isatty():
        sys.stdout.write(command)
        sys.stdout.flush()


@contextmanager
def raw_keyboard() -> Iterator[Keyboard]:
    """Put the terminal into single-key mode, and back whatever happens; Ctrl-C still interrupts."""
    file_descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(file_descriptor)
    try:
        tty.setcbreak(file_descriptor)
        _tell_terminal(_PASTES_ON)
        yield Keyboard(file_descriptor)
    finally:
        _tell_terminal(_PASTES_OFF)
        termios.tcsetattr(file_descriptor, termios.TCSADRAIN, before)
