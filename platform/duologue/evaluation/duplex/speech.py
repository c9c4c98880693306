"""How a line is spoken: from its text with marks to pieces of input, each at its time.

    What is the capital | pause 700 | of France?      a silence inside the line
    a table for {to>two} people                       recognition hears "to", then corrects it

A word arrives when it has been spoken to its end, as from a speech recogniser. A correction arrives
`REVISION_MS` after the words that it changes; what follows waits for it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from duologue.errors import InvalidInput

REVISION_MS = 300
MAX_PAUSE_MS = 10_000

_MARK = re.compile(
    r"\|\s*pause\s+(?P<pause>\d+)\s*\|"
    r"|\{(?P<heard>[^{}|>]+)>(?P<meant>[^{}|>]+)\}(?P<end>[^\s{}|]*)"
    r"|(?P<word>[^\s{}|]+)"
    r"|(?P<space>\s+)"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """Something that is sent; `at_ms` counts from the start of the line."""

    at_ms: float
    text: str
    """What is added to the segment or, in a revision, all of it."""
    revises: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """A silence inside a line, in milliseconds from its start."""

    begin_ms: float
    """When the last word before it was over."""
    end_ms: float
    """When the first word behind it was over: only then is there text that tells of it."""


@dataclass(frozen=True, slots=True)
class Speech:
    """A line as it is spoken."""

    pieces: tuple[Piece, ...]
    pauses: tuple[Pause, ...]

    @property
    def duration_ms(self) -> float:
        """From the start of the first word to the last piece of text."""
        return self.pieces[-1].at_ms

    @property
    def text(self) -> str:
        """What was said in the end."""
        text = ""
        for piece in self.pieces:
            text = piece.text if piece.revises else text + piece.text
        return text


def spoken(say: str, words_per_minute: int) -> Speech:
    """A line at a speaking rate; raises InvalidInput for marks that are not understood."""
    speaker = _Speaker(60_000 / words_per_minute)
    for mark in _marks(say):
        if mark["pause"]:
            speaker.pause(int(mark["pause"]))
        elif mark["heard"]:
            speaker.revise(mark["heard"], mark["meant"] + mark["end"])
        elif mark["word"]:
            speaker.word(mark["word"])
    return speaker.speech()


class _Speaker:
    def __init__(self, word_ms: float) -> None:
        self._word_ms = word_ms
        self._now_ms = 0.0
        self._text = ""
        self._pieces: list[Piece] = []
        self._pauses: list[Pause] = []
        self._pause_begin_ms: float | None = None

    def word(self, word: str) -> None:
        self._now_ms += self._word_ms
        self._end_pause()
        piece = word if not self._text else " " + word
        self._text += piece
        self._pieces.append(Piece(self._now_ms, piece))

    def revise(self, heard: str, meant: str) -> None:
        before = self._text
        for word in heard.split():
            self.word(word)
        self._now_ms += REVISION_MS
        self._text = " ".join([*before.split(" "), *meant.split()]).strip()
        self._pieces.append(Piece(self._now_ms, self._text, revises=True))

    def pause(self, duration_ms: int) -> None:
        if not self._pieces:
            raise InvalidInput("a line cannot begin with a pause; use delay_ms")
        if not 0 < duration_ms <= MAX_PAUSE_MS:
            raise InvalidInput(f"a pause must last 1 to {MAX_PAUSE_MS} ms, not {duration_ms}")
        if self._pause_begin_ms is not None:
            raise InvalidInput("two pauses must have words between them")
        self._pause_begin_ms = self._now_ms
        self._now_ms += duration_ms

    def speech(self) -> Speech:
        if not self._pieces:
            raise InvalidInput("a line must say something")
        if self._pause_begin_ms is not None:
            raise InvalidInput("a line cannot end with a pause")
        return Speech(tuple(self._pieces), tuple(self._pauses))

    def _end_pause(self) -> None:
        if self._pause_begin_ms is not None:
            self._pauses.append(Pause(self._pause_begin_ms, self._now_ms))
            self._pause_begin_ms = None


def _marks(say: str) -> Iterator[re.Match[str]]:
    place = 0
    while place < len(say):
        mark = _MARK.match(say, place)
        if mark is None:
            raise InvalidInput(
                f"cannot read {say[place : place + 20]!r}; marks are '| pause 700 |' and "
                "'{heard>meant}'"
            )
        yield mark
        place = mark.end()
