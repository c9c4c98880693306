"""Attention in C over the cells of a bank, for any rows of any of its slots.

A row's result has the same bits whatever other rows share the forward. docs/notes-performance.md
has the figures.
"""

import ctypes
from collections.abc import Sequence

import torch
from torch import Tensor

from duologue.errors import ModelUnavailable
from duologue.forward.native.structures import (
    CELL_BLOCK,
    DIM_BLOCK,
    MAX_DIM,
    TYPES,
    LayerStruct,
    PlanStruct,
    SlotRowsStruct,
)
from duologue.forward.slot_rows import SlotRows, SlotWork
from duologue.kv.bank import Bank


def why_not(bank: Bank) -> str:
    """Why the kernel cannot serve a bank, in words; empty if it can."""
    keys = bank.keys[0]
    dim = keys.shape[2]
    if keys.device.type != "cpu":
        return f"keys and values lie on {keys.device}, not in the processor's memory"
    if keys.dtype not in TYPES:
        return f"keys and values are {keys.dtype}, not bfloat16 or float32"
    if dim % DIM_BLOCK or dim > MAX_DIM:
        return f"heads have {dim} dimensions, not a multiple of {DIM_BLOCK} up to {MAX_DIM}"
    if bank.capacity % CELL_BLOCK:
        return f"slots have {bank.capacity} cells, not a multiple of {CELL_BLOCK}"
    return ""


class NativeRows(SlotRows):
    """Rows of any slots of one bank that the C kernel can serve, however many there are in each."""

    def __init__(
        self,
        works: Sequence[SlotWork],
        start: int,
        dtype: torch.dtype,
        num_heads: int,
        library: ctypes.CDLL,
    ) -> None:
        """`library` has attention.h's functions, declared."""
        super().__init__(works, start, dtype)
        assert not why_not(self.bank), why_not(self.bank)
        self._library = library
        _, kv_heads, dim, capacity = self.bank.keys[0].shape
        slot_rows, row = (SlotRowsStruct * len(works))(), 0
        for struct, work in zip(slot_rows, works, strict=True):
            struct.slot, struct.first_row = work.slot.index, row
            struct.num_rows, struct.num_cells = work.num_rows, work.slot.extent
            row += work.num_rows
        self._row_cells = self._cells.int()
        # Structures hold addresses: what they point to is kept in fields.
        self._slot_rows = slot_rows
        self.plan = PlanStruct(
            capacity=capacity,
            kv_heads=kv_heads,
            group=num_heads // kv_heads,
            dim=dim,
            bank_type=TYPES[self.bank.keys[0].dtype],
            owners=self.bank.owners.data_ptr(),
            positions=self.bank.positions.data_ptr(),
            num_slot_rows=len(works),
            slot_rows=slot_rows,
            row_channels=self._channels.data_ptr(),
            row_positions=self._positions.data_ptr(),
            row_cells=self._row_cells.data_ptr(),
        )
        self.num_tasks: int = library.duologue_attention_tasks(self.plan)
        self._words: int = library.duologue_visible_words(self.plan)
        self._visible: dict[int | None, Tensor] = {}

    def attend(
        self, layer: int, queries: Tensor, window: int | None, softcap: float | None
    ) -> Tensor:
        """Attention of rows whose keys and values are written; queries: [rows, heads, dim]."""
        queries = queries.contiguous()
        results = torch.empty_like(queries)
        struct = LayerStruct(
            queries=queries.data_ptr(),
            row_stride=queries.stride(0),
            input_type=TYPES[queries.dtype],
            scale=1.0,
            result_type=TYPES[results.dtype],
            results=results.data_ptr(),
            result_stride=results.stride(0),
        )
        self.run(layer, struct, window, softcap)
        return results

    def run(
        self, layer: int, struct: LayerStruct, window: int | None, softcap: float | None
    ) -> None:
        """Do all tasks of a layer on the calling thread; the bank's part of `struct` is set."""
        self.complete(struct, layer, window, softcap)
        self.do(struct)

    def complete(
        self, struct: LayerStruct, layer: int, window: int | None, softcap: float | None
    ) -> None:
        """Set the bank's part of `struct`."""
        if softcap is not None:
            raise ModelUnavailable("attention in C does not bend scores (softcap)")
        struct.keys = self.bank.keys[layer].data_ptr()
        struct.values = self.bank.values[layer].data_ptr()
        struct.visible = self.visible(window).data_ptr()

    def do(self, struct: LayerStruct) -> None:
        """Do all tasks of a layer whose structure is complete."""
        self._library.duologue_attend(self.plan, struct, 0, self.num_tasks)

    def visible(self, window: int | None) -> Tensor:
        """Which cells each row sees, in the kernel's own order; layers of a window share it."""
        if window not in self._visible:
            visible = torch.empty(self.num_rows, self._words, dtype=torch.int32)
            self._library.duologue_see(self.plan, window or 0, visible.data_ptr())
            self._visible[window] = visible
        return self._visible[window]
