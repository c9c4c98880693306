"""Stop strings: a reply ends before the first of them, and none is ever shown in part."""

from collections.abc import Sequence


class StopStrings:
    """Passes text on as it comes, but keeps back an end with which a stop string may begin."""

    def __init__(self, strings: Sequence[str]) -> None:
        assert all(strings), "an empty stop string would stop everything"
        self._strings = tuple(strings)
        self._held = ""
        self.is_met = False

    def push(self, text: str) -> str:
        """Take more text; returns what can be shown of it. Nothing more once a string was met."""
        if self.is_met:
            return ""
        text = self._held + text
        places = [place for place in map(text.find, self._strings) if place >= 0]
        if places:
            self.is_met = True
            self._held = ""
            return text[: min(places)]
        begin = len(text) - self._num_ambiguous(text)
        self._held = text[begin:]
        return text[:begin]

    def flush(self) -> str:
        """What was kept back: no stop string came of it."""
        held, self._held = self._held, ""
        return held

    def _num_ambiguous(self, text: str) -> int:
        """Length of the longest end of `text` with which a stop string begins."""
        return max(
            (
                length
                for string in self._strings
                for length in range(1, min(len(string), len(text) + 1))
                if text.endswith(string[:length])
            ),
            default=0,
        )
