"""From key presses to client events: a line is one segment, sent word by word as it is typed."""

from collections.abc import Sequence

from duologue.events import ClientEvent, InputAppend, InputCommit, InputRevise, ResponseCancel
from duologue.talk.keys import Key

PAUSE_MS = 250.0
"""After so long without a key, what was typed of a word is sent, too."""
CONTINUES_WITHIN_MS = 1_200.0
"""A line that was decided while it was typed goes on if the next key comes this soon."""
MAX_LINE_CHARS = 2_000
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
            case str(char):
                events += self._type(char)
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

    def _type(self, char: str) -> Sequence[ClientEvent]:
        if len(self.text) >= MAX_LINE_CHARS or (not self.text and char == " "):
            return []
        self._is_decided = False
        self.text += char
        return self._send() if char in _ENDS else []

    def _erase(self) -> Sequence[ClientEvent]:
        self.text = self.text[:-1]
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
            return [InputAppend(self.segment_id, self.text.removeprefix(before))]
        return [InputRevise(self.segment_id, self.text)]

    def _new_line(self) -> None:
        self._num_lines += 1
        self.text = self._sent = ""
        self._is_decided = False
