"""Shared openings: blocks whose tokens several sessions begin with, computed once.

A block is known by what it holds and by the block before it, as in a tree. The index holds every
block that it knows, also when no session does, so that the next one finds it; such blocks are given
back, the longest unused first, when somebody needs the room.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from duologue.kv.blocks import CELLS_PER_BLOCK, BlockPool

_ROOT = -1

_Key = tuple[str, int, tuple[int, ...]]
"""Among whom it is shared, the block before it, and its tokens."""


@dataclass(slots=True)
class _Entry:
    key: _Key
    block: int
    last_use: int
    followers: set[int] = field(default_factory=set)
    """Blocks of the index that come after it."""


class Prefixes:
    """The openings that a memory knows. Whoever is given a block holds it from then on."""

    def __init__(self, pool: BlockPool) -> None:
        self._pool = pool
        self._by_key: dict[_Key, _Entry] = {}
        self._by_block: dict[int, _Entry] = {}
        self._num_uses = 0

    @property
    def blocks(self) -> list[int]:
        """All blocks that it holds."""
        return list(self._by_block)

    @property
    def num_idle(self) -> int:
        """Blocks that nobody else holds: they can be given back."""
        return sum(self._pool.num_holders(block) == 1 for block in self._by_block)

    def find(self, scope: str, tokens: Sequence[int]) -> list[tuple[int, int]]:
        """The blocks of the longest known beginning of `tokens`, each with its number of tokens.

        Only the last of them may have less than a block's.
        """
        self._num_uses += 1
        found: list[tuple[int, int]] = []
        for key in self._keys(scope, tokens):
            entry = self._by_key.get(key)
            if entry is None:
                break
            entry.last_use = self._num_uses
            found.append((entry.block, len(key[2])))
        return found

    def learn(self, scope: str, tokens: Sequence[int], blocks: Sequence[int]) -> int:
        """Know these blocks, which hold `tokens` in order; returns how many of them it holds now.

        Where it knows another block for the same tokens, it keeps that one and takes none of those
        that come after: they would follow a block that it does not know.
        """
        self._num_uses += 1
        count = 0
        for key, block in zip(self._keys(scope, tokens, blocks), blocks, strict=True):
            known = self._by_key.get(key)
            if known is not None and known.block != block:
                break
            if known is None:
                self._add(_Entry(key, block, self._num_uses))
            count += 1
        return count

    def make_room(self, num_blocks: int) -> None:
        """Give idle blocks back until so many are free, or until there are none."""
        while self._pool.num_free < num_blocks:
            idle = [
                entry
                for entry in self._by_block.values()
                if not entry.followers and self._pool.num_holders(entry.block) == 1
            ]
            if not idle:
                return
            self._drop(min(idle, key=lambda entry: entry.last_use))

    def _keys(
        self, scope: str, tokens: Sequence[int], blocks: Sequence[int] = ()
    ) -> Iterator[_Key]:
        """The keys along the known blocks, or along those that are given."""
        before = _ROOT
        for number, start in enumerate(range(0, len(tokens), CELLS_PER_BLOCK)):
            key = scope, before, tuple(tokens[start : start + CELLS_PER_BLOCK])
            yield key
            if blocks:
                before = blocks[number]
            elif key in self._by_key:
                before = self._by_key[key].block

    def _add(self, entry: _Entry) -> None:
        self._pool.hold(entry.block)
        self._by_key[entry.key] = self._by_block[entry.block] = entry
        before = entry.key[1]
        if before != _ROOT:
            self._by_block[before].followers.add(entry.block)

    def _drop(self, entry: _Entry) -> None:
        del self._by_key[entry.key], self._by_block[entry.block]
        before = entry.key[1]
        if before != _ROOT:
            self._by_block[before].followers.discard(entry.block)
        self._pool.release(entry.block)
