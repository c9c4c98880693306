"""What a device is told of a forward's rows: one array of whole numbers, which goes up in one piece.

It begins with four columns of a number per row: token, position, cell, and 1 for a row of an input
channel. Then come the items, as many as rows, of eight numbers each:

    first row, rows (0: no item), first and end entry of the table that is looked at,
    where the table begins, where the words of the first row begin, words per row, unused

then the tables of blocks, and behind each other the words of all rows: bit i of a word says whether
the row sees place i of the block. Rows that fill up a batch have the token 0, no cell and no item.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from torch import Tensor

from duologue.forward.triton.shapes import HeadShape
from duologue.kv.channel import Channel

CELLS_PER_BLOCK = 32
ITEM = 8
FIXED = 4 + ITEM
"""Numbers per row before the tables."""


@dataclass(frozen=True, slots=True)
class SlotRows:
    """Rows of one slot, whose cells are labelled, and what that slot holds."""

    table: Any  # int32 [entries]
    owners: Any  # int32 [entries * CELLS_PER_BLOCK]
    positions_held: Any  # int32 [entries * CELLS_PER_BLOCK]
    tokens: Sequence[int]
    channels: Sequence[int]
    positions: Sequence[int]
    cells: Sequence[int]
    """Of the device: block * CELLS_PER_BLOCK + place."""


class RowsPlan:
    """The rows of a forward, before it is known how many others they are filled up with."""

    def __init__(self, slots: Sequence[SlotRows], heads: HeadShape, window: int | None) -> None:
        self._slots = slots
        self._window = window
        self._counts = [len(slot.tokens) for slot in slots]
        self.num_rows = sum(self._counts)
        self.tokens = _column([token for slot in slots for token in slot.tokens])
        self._channels = _column([channel for slot in slots for channel in slot.channels])
        self._positions = _column([position for slot in slots for position in slot.positions])
        self._cells = _column([cell for slot in slots for cell in slot.cells])
        self.tile = heads.tile(max(self._counts))
        self._rows_per_item = heads.rows_per_item(self.tile)
        self.longest_entries = max(len(slot.table) for slot in slots)

    @cached_property
    def has_input(self) -> bool:
        """Whether any row is of an input channel."""
        return bool((self._channels == Channel.INPUT).any())

    @cached_property
    def num_items(self) -> int:
        return sum(-(-count // self._rows_per_item) for count in self._counts)

    def numbers(self, num_rows: int) -> Any:
        """All of it, int32, filled up to so many rows."""
        assert num_rows >= self.num_rows, (num_rows, self.num_rows)
        tables, words = [slot.table for slot in self._slots], self._words()
        fixed = np.zeros(FIXED * num_rows, dtype=np.int32)
        columns = fixed[: 4 * num_rows].reshape(4, num_rows)
        own = slice(0, self.num_rows)
        columns[0, own], columns[1, own] = self.tokens, self._positions
        columns[2] = -1
        columns[2, own] = self._cells
        columns[3, own] = self._channels == Channel.INPUT
        items = self._items(len(fixed), words)
        fixed[4 * num_rows :][: items.size] = items.ravel()
        return np.concatenate([fixed, *tables, words])

    def _words(self) -> Any:
        """int32: the words of each row's whole table, row by row."""
        slots = self._slots
        owners = np.concatenate([slot.owners for slot in slots for _ in slot.tokens])
        held = np.concatenate([slot.positions_held for slot in slots for _ in slot.tokens])
        num_cells = [len(slot.owners) for slot in slots for _ in slot.tokens]
        own = np.repeat(self._positions, num_cells)
        seen = (owners == Channel.TRUNK) | (owners == np.repeat(self._channels, num_cells))
        seen &= held <= own
        if self._window is not None:
            seen &= held > own - self._window
        return np.packbits(seen, bitorder="little").view("<i4").astype(np.int32, copy=False)

    def _items(self, tables_at: int, words: Any) -> Any:
        """int32 [items, ITEM]"""
        first_words_at = tables_at + sum(len(slot.table) for slot in self._slots)
        items, row, words_at, table_at = [], 0, first_words_at, tables_at
        for slot, count in zip(self._slots, self._counts, strict=True):
            entries = len(slot.table)
            for first in range(0, count, self._rows_per_item):
                rows = min(self._rows_per_item, count - first)
                span = 0, entries
                if self._window is not None:
                    begin = words_at - first_words_at
                    span = _looked_at(words[begin : begin + rows * entries].reshape(rows, entries))
                items.append((row, rows, *span, table_at, words_at, entries, 0))
                row, words_at = row + rows, words_at + rows * entries
            table_at += entries
        return np.array(items, dtype=np.int32)


@dataclass(frozen=True, slots=True)
class RowTensors:
    """A plan of so many rows on the device, by its parts."""

    tokens: Tensor
    positions: Tensor
    cells: Tensor
    inputs: Tensor
    items: Tensor
    whole: Tensor

    @classmethod
    def of(cls, whole: Tensor, num_rows: int) -> "RowTensors":
        columns = whole[: 4 * num_rows].view(4, num_rows)
        return cls(*columns, whole[4 * num_rows : FIXED * num_rows], whole)


def _looked_at(words: Any) -> tuple[int, int]:
    """The first entry that a row of [rows, entries] sees something of, and one past the last."""
    seen = np.flatnonzero(words.any(axis=0))
    return int(seen[0]), int(seen[-1]) + 1


def _column(numbers: list[int]) -> Any:
    return np.array(numbers, dtype=np.int32)
