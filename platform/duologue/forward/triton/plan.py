"""What a device is told of the rows of a forward: one array of whole numbers.

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

from duologue.forward.slot_rows import SlotWork
from duologue.forward.triton.shapes import HeadShape
from duologue.kv.blocks import CELLS_PER_BLOCK
from duologue.kv.channel import Channel
from duologue.kv.slot import Slot

PIECE_CELLS = 1 << 15
"""Cells that are looked at together: with more, most of the time went into fresh memory."""

TRUNK, INPUT = int(Channel.TRUNK), int(Channel.INPUT)

ITEM = 8
FIXED = 4 + ITEM
"""Numbers per row before the tables."""


class RowsPlan:
    """The rows of a forward, before it is known how many others they are filled up with."""

    def __init__(self, works: Sequence[SlotWork], heads: HeadShape, window: int | None) -> None:
        """The cells of `works` are labelled."""
        self._works = works
        self._window = window
        self._counts = [work.num_rows for work in works]
        self.num_rows = sum(self._counts)
        self.tokens = _column([token for work in works for token in work.tokens])
        self._channels = _column([channel for work in works for channel in work.channels])
        self._positions = _column([position for work in works for position in work.positions])
        self._num_entries = [work.slot.num_entries for work in works]
        tables = np.concatenate([work.slot.table for work in works])
        self._tables: Any = np.maximum(tables, 0)  # nobody sees anything of a hole
        self.tile = heads.tile(max(self._counts))
        self._rows_per_item = heads.rows_per_item(self.tile)
        self.longest_entries = max(self._num_entries)

    @cached_property
    def has_input(self) -> bool:
        """Whether any row is of an input channel."""
        return bool((self._channels == INPUT).any())

    @cached_property
    def num_items(self) -> int:
        return sum(-(-count // self._rows_per_item) for count in self._counts)

    def numbers(self, num_rows: int) -> Any:
        """All of it, int32, filled up to so many rows."""
        assert num_rows >= self.num_rows, (num_rows, self.num_rows)
        words = self._words()
        fixed = np.zeros(FIXED * num_rows, dtype=np.int32)
        columns = fixed[: 4 * num_rows].reshape(4, num_rows)
        own = slice(0, self.num_rows)
        columns[0, own], columns[1, own] = self.tokens, self._positions
        columns[2] = -1
        columns[2, own] = self._cells()
        columns[3, own] = self._channels == INPUT
        items = self._items(len(fixed), words)
        fixed[4 * num_rows :][: items.size] = items.ravel()
        return np.concatenate([fixed, self._tables, words])

    def _cells(self) -> Any:
        """int32 [rows]: block * CELLS_PER_BLOCK + place."""
        starts = np.cumsum([0, *self._num_entries[:-1]])
        cells = _column([cell for work in self._works for cell in work.cells])
        entry = np.repeat(starts, self._counts) + cells // CELLS_PER_BLOCK
        blocks = self._tables[entry]
        return blocks * CELLS_PER_BLOCK + cells % CELLS_PER_BLOCK

    def _words(self) -> Any:
        """int32: the words of each row's whole table, row by row."""
        slots = [work.slot for work in self._works for _ in work.tokens]
        num_cells = np.repeat(self._num_entries, self._counts) * CELLS_PER_BLOCK
        pieces, first = [], 0
        ends = np.cumsum(num_cells)
        while first < len(slots):
            begin = ends[first] - num_cells[first]
            last = max(first + 1, int(np.searchsorted(ends, begin + PIECE_CELLS, side="right")))
            pieces.append(self._words_of(slots[first:last], slice(first, last), num_cells))
            first = last
        return np.concatenate(pieces)

    def _words_of(self, slots: Sequence[Slot], rows: slice, num_cells: Any) -> Any:
        """The words of some rows, whose slots are these."""
        owners = np.concatenate([slot.owners for slot in slots])
        held = np.concatenate([slot.positions for slot in slots])
        own = np.repeat(self._positions[rows], num_cells[rows])
        channels = np.repeat(self._channels[rows], num_cells[rows])
        seen = (owners == TRUNK) | (owners == channels)
        seen &= held <= own
        if self._window is not None:
            seen &= held > own - self._window
        return np.packbits(seen, bitorder="little").view("<i4").astype(np.int32, copy=False)

    def _items(self, tables_at: int, words: Any) -> Any:
        """int32 [items, ITEM]"""
        first_words_at = tables_at + len(self._tables)
        items, row, words_at, table_at = [], 0, first_words_at, tables_at
        for entries, count in zip(self._num_entries, self._counts, strict=True):
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
        tokens, positions, cells, inputs = whole[: 4 * num_rows].view(4, num_rows)
        items = whole[4 * num_rows : FIXED * num_rows]
        return cls(tokens, positions, cells, inputs, items, whole)


def _looked_at(words: Any) -> tuple[int, int]:
    """The first entry that a row of [rows, entries] sees something of, and one past the last."""
    seen = np.flatnonzero(words.any(axis=0))
    return int(seen[0]), int(seen[-1]) + 1


def _column(numbers: list[int]) -> Any:
    return np.array(numbers, dtype=np.int32)
