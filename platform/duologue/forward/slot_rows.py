"""Rows of one forward that attend together, and how they meet the cells of their slots."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from duologue.forward.visibility import visible_cells
from duologue.kv.blocks import CELLS_PER_BLOCK, BlockPool
from duologue.kv.channel import FREE
from duologue.kv.slot import Slot


@dataclass(slots=True, eq=False)
class SlotWork:
    """What one forward does in one slot: its rows in the order of their stretches."""

    slot: Slot
    tokens: list[int] = field(default_factory=list)
    channels: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)

    @property
    def num_rows(self) -> int:
        return len(self.tokens)

    def label_cells(self) -> None:
        """Label the cells that the rows fill, so that they see themselves and each other."""
        self.slot.place(self.cells, self.channels, self.positions)


class SlotRows(ABC):
    """Neighbouring rows of a forward, `start` to `end`, whose cells are labelled.

    Tables of slots that are shorter than others are filled up with a block that nobody sees there.
    """

    def __init__(
        self, works: Sequence[SlotWork], start: int, pool: BlockPool, dtype: torch.dtype
    ) -> None:
        self.pool = pool
        self.start = start
        self.end = start + sum(work.num_rows for work in works)
        self.num_entries = max(work.slot.num_entries for work in works)
        self._dtype = dtype
        self._works = works
        device = pool.keys[0].device
        cells = np.array([cell for work in works for cell in work.cells])
        numbers = [number for number, work in enumerate(works) for _ in work.tokens]
        tables = np.zeros((len(works), self.num_entries), dtype=np.int32)
        for table, work in zip(tables, works, strict=True):
            table[: work.slot.num_entries] = np.maximum(work.slot.table, 0)
        self.tables = torch.from_numpy(tables[numbers]).to(device)  # [rows, entries]
        blocks = tables[numbers, cells // CELLS_PER_BLOCK]
        self._blocks = torch.from_numpy(blocks).long().to(device)
        self._places = torch.from_numpy(cells % CELLS_PER_BLOCK).to(device)
        self._bias: dict[int | None, Tensor] = {}

    @property
    def num_rows(self) -> int:
        return self.end - self.start

    def write(self, layer: int, keys: Tensor, values: Tensor) -> None:
        """Fill the cells of a layer; keys and values: [rows, kv_heads, dim]."""
        self.pool.keys[layer][self._blocks, :, :, self._places] = keys
        self.pool.values[layer][self._blocks, :, self._places] = values

    def bias(self, window: int | None) -> Tensor:
        """Additive mask, 0 or -inf, [rows, 1, cells]; layers with the same window share it."""
        if window not in self._bias:
            visible = torch.cat([self._visible(work, window) for work in self._works])
            bias = torch.zeros(visible.shape, dtype=self._dtype)
            bias = bias.masked_fill_(~visible, float("-inf"))[:, None]
            self._bias[window] = bias.to(self.tables.device)
        return self._bias[window]

    def _visible(self, work: SlotWork, window: int | None) -> Tensor:
        """bool [rows, cells] of one slot."""
        num_rows, num_cells = work.num_rows, self.num_entries * CELLS_PER_BLOCK
        owners = torch.full((num_cells,), FREE, dtype=torch.int32)
        positions = torch.zeros(num_cells, dtype=torch.int32)
        own = len(work.slot.owners)
        owners[:own] = torch.from_numpy(work.slot.owners)
        positions[:own] = torch.from_numpy(work.slot.positions)
        return visible_cells(
            owners.expand(num_rows, -1),
            positions.expand(num_rows, -1),
            torch.tensor(work.channels, dtype=torch.int32),
            torch.tensor(work.positions, dtype=torch.int32),
            window,
        )

    @abstractmethod
    def attend(
        self, layer: int, queries: Tensor, window: int | None, softcap: float | None
    ) -> Tensor:
        """Attention of these rows in a layer.

        queries: [rows, heads, dim], scaled; result: the same shape.
        """


def capped(scores: Tensor, softcap: float | None) -> Tensor:
    """Scores bent to stay between -softcap and softcap, where the model wants that."""
    return scores if softcap is None else torch.tanh(scores / softcap) * softcap
