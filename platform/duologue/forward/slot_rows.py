"""Rows of one forward that lie in one bank, and how they meet its cells."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from duologue.forward.visibility import visible_cells
from duologue.kv.bank import Bank
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


class SlotRows(ABC):
    """Neighbouring rows of a forward, `start` to `end`, whose slots all lie in `bank`.

    Labels the cells that the rows fill, so that they see themselves and each other.
    """

    def __init__(self, works: Sequence[SlotWork], start: int, dtype: torch.dtype) -> None:
        self.bank: Bank = works[0].slot.bank
        self.start = start
        self.end = start + sum(work.num_rows for work in works)
        self.extent = max(work.slot.extent for work in works)
        self._dtype = dtype
        device = self.bank.owners.device
        columns = (
            [work.slot.index for work in works for _ in work.tokens],
            [cell for work in works for cell in work.cells],
            [channel for work in works for channel in work.channels],
            [position for work in works for position in work.positions],
        )
        self.slots, self._cells, channels, positions = torch.tensor(columns, device=device)
        self._channels, self._positions = channels.int(), positions.int()
        self.bank.owners[self.slots, self._cells] = self._channels
        self.bank.positions[self.slots, self._cells] = self._positions
        self._bias: dict[int | None, Tensor] = {}

    @property
    def num_rows(self) -> int:
        return self.end - self.start

    def write(self, layer: int, keys: Tensor, values: Tensor) -> None:
        """Fill the cells of a layer; keys and values: [rows, kv_heads, dim]."""
        self.bank.keys[layer][self.slots, :, :, self._cells] = keys
        self.bank.values[layer][self.slots, :, self._cells] = values

    def bias(self, window: int | None) -> Tensor:
        """Additive mask, 0 or -inf, [rows, 1, cells]; layers with the same window share it."""
        if window not in self._bias:
            visible = visible_cells(
                self.bank.owners[:, : self.extent][self.slots],
                self.bank.positions[:, : self.extent][self.slots],
                self._channels,
                self._positions,
                window,
            )
            bias = torch.zeros(visible.shape, dtype=self._dtype, device=visible.device)
            self._bias[window] = bias.masked_fill_(~visible, float("-inf"))[:, None]
        return self._bias[window]

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
