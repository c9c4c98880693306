"""Stop strings: a reply ends before the first of them, and none is ever shown in part.

The first is the one that is complete first: it does not matter in which pieces a text comes.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class StopStrings:
    """Passes text on as it comes, but keeps back an end with which a stop string may begin.

    A plain value.
    """

    strings: tuple[str, ...] = ()
    held: str = ""
    is_met: bool = False

    def __post_init__(self) -> None:
        assert all(self.strings), "an empty stop string would stop everything"

    def push(self, text: str) -> str:
        """Take more text; returns what can be shown of it. Nothing more once a string was met."""
        if self.is_met:
            return ""
        text = self.held + text
        places = [(place, string) for string in self.strings if (place := text.find(string)) >= 0]
        if places:
            self.is_met = True
            self.held = ""
            return text[: min(places, key=_end_and_start)[0]]
        begin = len(text) - self._num_ambiguous(text)
        self.held = text[begin:]
        return text[:begin]

    def flush(self) -> str:
        """What was kept back: no stop string came of it."""
        held, self.held = self.held, ""
        return held

    def _num_ambiguous(self, text: str) -> int:
        """Length of the longest end of `text` with which a stop string begins."""
        return max(
            (
                length
                for string in self.strings
                for length in range(1, min(len(string), len(text) + 1))
                if text.endswith(string[:length])
            ),
            default=0,
        )


def _end_and_start(found: tuple[int, str]) -> tuple[int, int]:
    place, string = found
    return place + len(string), place
