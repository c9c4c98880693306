"""Attention in C over the cells of slots, for any rows of any of them.

A row's result has the same bits whatever other rows share the forward. docs/notes-performance.md
has the figures.
"""

import ctypes
from collections.abc import Sequence
from ctypes import byref
from typing import Any

import numpy as np
import torch
from torch import Tensor

from duologue.forward.native.structures import (
    DIM_BLOCK,
    MAX_DIM,
    TYPES,
    AttentionLayerStruct,
    PlanStruct,
    SlotRowsStruct,
)
from duologue.forward.slot_rows import SlotWork
from duologue.kv.blocks import BlockPool


def why_not(pool: BlockPool) -> str:
    """Why the kernel cannot serve a pool, in words; empty if it can."""
    keys = pool.keys[0]
    dim = keys.shape[2]
    if keys.device.type != "cpu":
        return f"keys and values lie on {keys.device}, not in the processor's memory"
    if keys.dtype not in TYPES:
        return f"keys and values are {keys.dtype}, not bfloat16 or float32"
    if dim % DIM_BLOCK or dim > MAX_DIM:
        return f"heads have {dim} dimensions, not a multiple of {DIM_BLOCK} up to {MAX_DIM}"
    return ""


class NativePlan:
    """What all layers of a forward share; it labels the cells that the rows fill.

    Structures hold addresses: this keeps what they point to, but for the slots, which must not grow
    meanwhile.
    """

    def __init__(
        self,
        works: Sequence[SlotWork],
        pool: BlockPool,
        num_heads: int,
        library: ctypes.CDLL,
    ) -> None:
        """`library` has attention.h's functions, declared; the pool is one that it can serve."""
        self._library = library
        self._slot_rows = (SlotRowsStruct * len(works))()
        self.num_rows = 0
        for struct, work in zip(self._slot_rows, works, strict=True):
            work.label_cells()
            struct.table, struct.owners, struct.positions = work.slot.addresses
            struct.num_entries = work.slot.num_entries
            struct.first_row, struct.num_rows = self.num_rows, work.num_rows
            self.num_rows += work.num_rows
        self.channels = _column([channel for work in works for channel in work.channels])
        """Per row, int32; and so are these two."""
        self.positions = _column([position for work in works for position in work.positions])
        self.cells = _column([cell for work in works for cell in work.cells])
        _, kv_heads, dim, _ = pool.keys[0].shape
        self.struct = PlanStruct(
            kv_heads=kv_heads,
            group=num_heads // kv_heads,
            dim=dim,
            cell_type=TYPES[pool.keys[0].dtype],
            num_slot_rows=len(works),
            slot_rows=self._slot_rows,
            row_channels=self.channels.ctypes.data,
            row_positions=self.positions.ctypes.data,
            row_cells=self.cells.ctypes.data,
        )
        self.num_words: int = library.duologue_visible_words(byref(self.struct))
        """Of a row: words that tell which cells it sees."""

    @property
    def num_tasks(self) -> int:
        """Of a layer."""
        return int(self._library.duologue_attention_tasks(byref(self.struct)))

    def room_for_words(self) -> Tensor:
        """int32 [rows, words], to be filled by the library."""
        return torch.empty(self.num_rows, self.num_words, dtype=torch.int32)

    def visible(self, window: int | None) -> Tensor:
        """Which cells each row sees, in the kernel's own order."""
        visible = self.room_for_words()
        self._library.duologue_see(byref(self.struct), window or 0, visible.data_ptr())
        return visible

    def attend(self, layer: AttentionLayerStruct) -> None:
        """Do all tasks of a layer on the calling thread."""
        self._library.duologue_attend(byref(self.struct), byref(layer), 0, self.num_tasks)


def _column(numbers: list[int]) -> Any:
    return np.array(numbers, dtype=np.int32)
