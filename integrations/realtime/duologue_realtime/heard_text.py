"""How far a reply was played, from the words that a speech synthesiser says it has spoken."""

import re
from dataclasses import dataclass

_WORD = re.compile(r"\S+")
_SEARCHED_CHARS = 80
"""How far ahead the spoken words are looked for: filters may drop a few, never a page."""


@dataclass(slots=True)
class HeardText:
    """A text that grows, and a place in it that moves forward with what was spoken."""

    text: str = ""
    heard_chars: int = 0

    def spoke(self, spoken: str) -> int:
        """Some words of it, or a sentence, were spoken. Returns how much of it was heard by now.

        Words that a filter has changed on their way are counted, since they are not found.
        """
        spoken = spoken.strip()
        end = self.heard_chars + len(spoken) + _SEARCHED_CHARS
        found = self.text.lower().find(spoken.lower(), self.heard_chars, end) if spoken else -1
        if found >= 0:
            self.heard_chars = found + len(spoken)
        else:
            self._skip_words(len(spoken.split()))
        return self.heard_chars

    def _skip_words(self, count: int) -> None:
        for _, word in zip(range(count), _WORD.finditer(self.text, self.heard_chars), strict=False):
            self.heard_chars = word.end()
