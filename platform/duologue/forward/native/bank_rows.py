"""The rows of a forward that lie in one bank, as the library takes them."""

from ctypes import byref
from typing import Any

import numpy as np
import torch
from torch import Tensor

from duologue.errors import ModelUnavailable
from duologue.forward.native.attention import why_not
from duologue.forward.native.forward_structures import BankRowsStruct
from duologue.forward.native.library import Library
from duologue.forward.native.structures import TYPES, PlanStruct, SlotRowsStruct
from duologue.forward.slot_rows import SlotWork
from duologue.kv.bank import Bank


class BankCells:
    """Where a bank's cells lie, worked out once: its tensors stay where they are."""

    def __init__(self, bank: Bank) -> None:
        """Raises ModelUnavailable if the library cannot read such cells."""
        reason = why_not(bank)
        if reason:
            raise ModelUnavailable(f"native kernels cannot serve this memory: {reason}")
        self.keys = np.array([keys.data_ptr() for keys in bank.keys], dtype=np.uint64)
        self.values = np.array([values.data_ptr() for values in bank.values], dtype=np.uint64)
        self.owners: Any = bank.owners.numpy()
        self.positions: Any = bank.positions.numpy()
        self.bank_type = TYPES[bank.keys[0].dtype]
        _, self.kv_heads, self.dim, self.capacity = bank.keys[0].shape


class RowColumns:
    """Per row of a forward, in its order: channel, position and cell, int32."""

    def __init__(self, works: list[SlotWork]) -> None:
        self.channels = _column([channel for work in works for channel in work.channels])
        self.positions = _column([position for work in works for position in work.positions])
        self.cells = _column([cell for work in works for cell in work.cells])


class BankRows:
    """Labels the cells that the rows fill, so that they see themselves and each other.

    Structures hold addresses: this keeps what they point to.
    """

    def __init__(
        self,
        cells: BankCells,
        works: list[SlotWork],
        start: int,
        columns: RowColumns,
        num_heads: int,
        library: Library,
    ) -> None:
        """`works` are neighbours in the forward, their rows beginning with number `start`."""
        self.cells, self.columns = cells, columns
        self._slot_rows = (SlotRowsStruct * len(works))()
        row = start
        for struct, work in zip(self._slot_rows, works, strict=True):
            struct.slot, struct.first_row = work.slot.index, row
            struct.num_rows, struct.num_cells = work.num_rows, work.slot.extent
            row += work.num_rows
        rows = slice(start, row)
        slots = [work.slot.index for work in works for _ in work.tokens]
        cells.owners[slots, columns.cells[rows]] = columns.channels[rows]
        cells.positions[slots, columns.cells[rows]] = columns.positions[rows]
        self._plan = PlanStruct(
            capacity=cells.capacity,
            kv_heads=cells.kv_heads,
            group=num_heads // cells.kv_heads,
            dim=cells.dim,
            bank_type=cells.bank_type,
            owners=cells.owners.ctypes.data,
            positions=cells.positions.ctypes.data,
            num_slot_rows=len(works),
            slot_rows=self._slot_rows,
            row_channels=columns.channels.ctypes.data,
            row_positions=columns.positions.ctypes.data,
            row_cells=columns.cells.ctypes.data,
        )
        words = library.functions.duologue_visible_words(byref(self._plan))
        # By the numbers that rows have in the whole forward, so that these index every array.
        self._visible: Tensor = torch.empty(row * words, dtype=torch.int32)
        self.struct = BankRowsStruct(
            plan=self._plan,
            keys=cells.keys.ctypes.data,
            values=cells.values.ctypes.data,
            visible=self._visible.data_ptr(),
        )


def _column(numbers: list[int]) -> Any:
    return np.array(numbers, dtype=np.int32)
