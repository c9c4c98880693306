"""Single key presses from a terminal, read without waiting for a line."""

import codecs
import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Protocol


class Key(Enum):
    """Keys that are not text."""

    ENTER = "\r"
    BACKSPACE = "\x7f"
    ESCAPE = "\x1b"
    END = "\x04"  # Ctrl-D


_NAMES = {"\r": Key.ENTER, "\n": Key.ENTER, "\x7f": Key.BACKSPACE, "\x08": Key.BACKSPACE}
_NAMES |= {"\x1b": Key.ESCAPE, "\x18": Key.ESCAPE, "\x04": Key.END}  # Ctrl-X is like Escape


class Keys(Protocol):
    """Where key presses come from; `Keyboard` is one."""

    def pressed(self, wait_ms: float) -> list[str | Key]: ...


class Keyboard:
    """Text and keys as they were pressed, in order."""

    def __init__(self, file_descriptor: int) -> None:
        self.file_descriptor = file_descriptor
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="ignore")

    def pressed(self, wait_ms: float) -> list[str | Key]:
        """What was pressed, after waiting so long at the most for something to come.

        Sequences that terminals send for cursor keys and the like are passed over.
        """
        ready, _, _ = select.select([self.file_descriptor], [], [], max(0.0, wait_ms) / 1e3)
        if not ready:
            return []
        data = os.read(self.file_descriptor, 4096)
        if not data:
            return [Key.END]
        text = self._decoder.decode(data)
        if len(text) > 1 and text.startswith("\x1b"):
            return []
        return [_NAMES.get(char, char) for char in text if char in _NAMES or char.isprintable()]


@contextmanager
def raw_keyboard() -> Iterator[Keyboard]:
    """Put the terminal into single-key mode, and back whatever happens; Ctrl-C still interrupts."""
    file_descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(file_descriptor)
    try:
        tty.setcbreak(file_descriptor)
        yield Keyboard(file_descriptor)
    finally:
        termios.tcsetattr(file_descriptor, termios.TCSADRAIN, before)
