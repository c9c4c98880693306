"""A slot: the blocks that one session holds on a device, and the labels of their cells."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from duologue.kv.blocks import CELLS_PER_BLOCK
from duologue.kv.channel import FREE

HOLE = -1
"""An entry of a table that has no block: none of its cells is in use."""

_FIRST_ENTRIES = 8
"""Entries that a table has room for at first; it doubles when they do not do."""


class Slot:
    """A table of blocks, changed by `KVMemory` alone.

    Cell `c` is place `c % CELLS_PER_BLOCK` of the block in entry `c // CELLS_PER_BLOCK`; it keeps
    its number for as long as it is in use. Labels are the slot's own, also of blocks that others
    hold too, and lie in the memory of the host.
    """

    def __init__(self) -> None:
        self._num_entries = 0
        self._table: Any = np.full(_FIRST_ENTRIES, HOLE, dtype=np.int32)
        self._owners: Any = np.full(_FIRST_ENTRIES * CELLS_PER_BLOCK, FREE, dtype=np.int32)
        self._positions: Any = np.zeros(_FIRST_ENTRIES * CELLS_PER_BLOCK, dtype=np.int32)
        self.addresses = self._addresses()
        """Of the table, the owners and the positions."""
        self.num_used_in: list[int] = []
        """Per entry: its cells in use."""
        self.sealed_in: list[int] = []
        """Per entry: so many of its first cells are never written to again while it lasts."""
        self.free_cells: list[int] = []
        """Descending, so that pop() gives the lowest. Cells of holes are free as well."""

    @property
    def num_entries(self) -> int:
        return self._num_entries

    @property
    def table(self) -> Any:
        """int32 [entries]: blocks, or HOLE."""
        return self._table[: self._num_entries]

    @property
    def owners(self) -> Any:
        """int32 [entries * CELLS_PER_BLOCK]: the channel of each cell, or FREE."""
        return self._owners[: self._num_entries * CELLS_PER_BLOCK]

    @property
    def positions(self) -> Any:
        """int32 [entries * CELLS_PER_BLOCK]: of cells that belong to a channel."""
        return self._positions[: self._num_entries * CELLS_PER_BLOCK]

    @property
    def num_used(self) -> int:
        """Cells in use."""
        return sum(self.num_used_in)

    @property
    def blocks(self) -> list[int]:
        """The blocks that it holds, in the order of the table."""
        return [int(block) for block in self.table if block != HOLE]

    def label(self, cells: Sequence[int], owner: int) -> None:
        """Give cells to `owner`."""
        if len(cells) == 1:
            self._owners[cells[0]] = owner
        elif cells:
            self._owners[list(cells)] = owner

    def place(
        self, cells: Sequence[int], channels: Sequence[int], positions: Iterable[int]
    ) -> None:
        """Label cells, each with its channel and its position."""
        if len(cells) <= 4:  # numpy takes longer to begin than this does
            for cell, channel, position in zip(cells, channels, positions, strict=True):
                self._owners[cell] = channel
                self._positions[cell] = position
            return
        index = list(cells)
        self._owners[index] = channels
        self._positions[index] = list(positions)

    def block_of(self, cell: int) -> int:
        """The block that a cell in use lies in."""
        return int(self._table[cell // CELLS_PER_BLOCK])

    def extend(self, num_entries: int) -> None:
        """Have so many entries more, all of them holes."""
        first, self._num_entries = self._num_entries, self._num_entries + num_entries
        self._make_room()
        self.num_used_in += [0] * num_entries
        self.sealed_in += [0] * num_entries
        cells = range(first * CELLS_PER_BLOCK, self._num_entries * CELLS_PER_BLOCK)
        self.free_cells = [*reversed(cells), *self.free_cells]

    def shorten(self) -> None:
        """Drop the holes at the end of the table."""
        while self._num_entries and self._table[self._num_entries - 1] == HOLE:
            self._num_entries -= 1
            self.num_used_in.pop()
            self.sealed_in.pop()
        num_cells, num_gone = self._num_entries * CELLS_PER_BLOCK, 0
        while num_gone < len(self.free_cells) and self.free_cells[num_gone] >= num_cells:
            num_gone += 1
        del self.free_cells[:num_gone]

    def put(self, entry: int, block: int) -> None:
        """Fill a hole, or make an entry a hole."""
        self._table[entry] = block

    def _make_room(self) -> None:
        capacity = len(self._table)
        if self._num_entries <= capacity:
            return
        while capacity < self._num_entries:
            capacity *= 2
        num_cells = capacity * CELLS_PER_BLOCK
        self._table = _grown(self._table, capacity, HOLE)
        self._owners = _grown(self._owners, num_cells, FREE)
        self._positions = _grown(self._positions, num_cells, 0)
        self.addresses = self._addresses()

    def _addresses(self) -> tuple[int, int, int]:
        arrays = (self._table, self._owners, self._positions)
        return tuple(array.ctypes.data for array in arrays)


def _grown(array: Any, size: int, rest: int) -> Any:
    grown = np.full(size, rest, dtype=array.dtype)
    grown[: len(array)] = array
    return grown
