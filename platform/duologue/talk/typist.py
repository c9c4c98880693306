"""From key presses to client events: a line is one segment, sent word by word as it is typed."""

from collections.abc import Sequence

import regex

from duologue.events import ClientEvent, InputAppend, InputCommit, InputRevise, ResponseCancel
from duologue.talk.keys import Key

PAUSE_MS = 250.0
"""After so long without a key, what was typed of a word is sent, too."""
CONTINUES_WITHIN_MS = 1_200.0
"""A line that was decided while it was typed goes on if the next key comes this soon."""
MAX_LINE_CHARS = 50_000
MAX_EVENT_CHARS = 8_000
"""Of a text in one event: in UTF-8 it is then below what a message may hold."""
_ENDS = " ,.;:?!…"


class Typist:
    """Pure: keys and times in, events out."""

    def __init__(self) -> None:
        self._num_lines = 1
        self._sent = ""
        self._pressed_ms = float("-inf")
        self._is_decided = False
        self.text = ""
        """What stands in the input line."""
        self.num_lost = 0
        """Characters of it that did not fit."""
        self.is_gone = False

    @property
    def segment_id(self) -> str:
        return f"line-{self._num_lines}"

    @property
    def due_ms(self) -> float | None:
        """When `rest` should be called next; None while there is nothing to wait for."""
        if self._is_decided:
            return self._pressed_ms + CONTINUES_WITHIN_MS
        return self._pressed_ms + PAUSE_MS if self.text != self._sent else None

    def press(self, key: str | Key, now_ms: float) -> Sequence[ClientEvent]:
        """Take one key; returns what is to be sent because of it."""
        events = [*self.rest(now_ms)]
        self._pressed_ms = now_ms
        match key:
            case Key.END:
                self.is_gone = True
            case Key.ESCAPE:
                events.append(ResponseCancel())
            case Key.ENTER:
                events += self._enter()
            case Key.BACKSPACE:
                events += self._erase()
            case str(text):
                events += self._type(text)
        return events

    def rest(self, now_ms: float) -> Sequence[ClientEvent]:
        """Time went by without a key; returns what is to be sent now."""
        if self.due_ms is None or now_ms < self.due_ms:
            return []
        if self._is_decided:
            self._new_line()
            return []
        return self._send()

    def decided(self, segment_ids: Sequence[str]) -> None:
        """An utterance was decided, of these segments; the line may have been one of them."""
        if self.segment_id in segment_ids and self.text == self._sent:
            self._is_decided = True

    def _type(self, text: str) -> Sequence[ClientEvent]:
        """Take a character that was typed, or a text that was pasted."""
        if not self.text:
            text = text.lstrip()
        kept = text[: MAX_LINE_CHARS - len(self.text)]
        self.num_lost += len(text) - len(kept)
        if not kept:
            return []
        self._is_decided = False
        self.text += kept
        return self._send() if len(kept) > 1 or kept in _ENDS else []

    def _erase(self) -> Sequence[ClientEvent]:
        """Take back what looks like one character, though it may be several."""
        last = regex.search(r"\X\Z", self.text)
        self.text = self.text[: last.start()] if last is not None else ""
        return [] if self.text.startswith(self._sent) else self._send()

    def _enter(self) -> Sequence[ClientEvent]:
        if not self.text:
            return []
        events = [*self._send(), InputCommit()]
        self._new_line()
        return events

    def _send(self) -> Sequence[ClientEvent]:
        """Bring the segment up to what stands in the line."""
        before, self._sent = self._sent, self.text
        if self.text == before:
            return []
        if self.text.startswith(before):
            return self._append(self.text.removeprefix(before))
        first, rest = self.text[:MAX_EVENT_CHARS], self.text[MAX_EVENT_CHARS:]
        return [InputRevise(self.segment_id, first), *self._append(rest)]

    def _append(self, text: str) -> Sequence[ClientEvent]:
        return [
            InputAppend(self.segment_id, text[start : start + MAX_EVENT_CHARS])
            for start in range(0, len(text), MAX_EVENT_CHARS)
        ]

    def _new_line(self) -> None:
        self._num_lines += 1
        self.text = self._sent = ""
        self.num_lost = 0
        self._is_decided = False
