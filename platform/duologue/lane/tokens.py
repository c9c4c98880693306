"""Tokens of one channel, of which the first so many have cells."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class CachedTokens:
    """What a channel says, and how much of it the key/value memory holds.

    `cells[i]` is the cell of `tokens[i]`; tokens behind the last cell are still to be computed. All
    cells of a channel can be dropped at any time: they are a cache of the tokens.
    """

    tokens: list[int] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def num_cached(self) -> int:
        return len(self.cells)

    @property
    def num_uncached(self) -> int:
        return len(self.tokens) - len(self.cells)

    @property
    def is_cached(self) -> bool:
        return len(self.cells) == len(self.tokens)

    def cut(self, length: int) -> list[int]:
        """Drop the tokens from `length` on; returns the cells that became free."""
        assert 0 <= length <= len(self.tokens), (length, len(self.tokens))
        del self.tokens[length:]
        return self.uncache(length)

    def uncache(self, length: int = 0) -> list[int]:
        """Keep the tokens but only the first `length` cells; returns the cells that became free."""
        freed = self.cells[length:]
        del self.cells[length:]
        return freed
