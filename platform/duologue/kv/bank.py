"""A bank: the key/value tensors of a number of slots that have the same capacity."""

from collections.abc import Sequence

import torch
from torch import Tensor

from duologue.kv.channel import FREE
from duologue.model.geometry import ModelGeometry
from duologue.model.huge_pages import ask_for_huge_pages


class Bank:
    """Keys, values and labels of `num_slots` slots with `capacity` cells each.

    Keys lie transposed: attention then sums whole rows of either tensor, rows that lie as they are
    read (`duologue.forward.few`). Memory starts as zeros, never as whatever lay there: a masked
    cell is multiplied by zero, and zero times NaN would not be zero.
    """

    def __init__(
        self,
        geometry: ModelGeometry,
        *,
        num_slots: int,
        capacity: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        heads, dim = geometry.num_kv_heads, geometry.head_dim
        self.num_slots = num_slots
        self.capacity = capacity
        self.keys: list[Tensor] = []  # per layer [slots, kv_heads, dim, cells]
        self.values: list[Tensor] = []  # per layer [slots, kv_heads, cells, dim]
        for _ in range(geometry.num_layers):
            self.keys.append(_zeros((num_slots, heads, dim, capacity), device, dtype))
            self.values.append(_zeros((num_slots, heads, capacity, dim), device, dtype))
        self.owners = torch.full((num_slots, capacity), FREE, device=device, dtype=torch.int32)
        self.positions = torch.zeros((num_slots, capacity), device=device, dtype=torch.int32)
        self._free_slots = list(range(num_slots))

    @property
    def has_room(self) -> bool:
        return bool(self._free_slots)

    @property
    def is_empty(self) -> bool:
        return len(self._free_slots) == self.num_slots

    def take_slot(self) -> int:
        """The lowest free slot: sessions that live at the same time lie close together."""
        return self._free_slots.pop(0)

    def give_slot(self, index: int) -> None:
        """Take a slot back; its cells become invisible at once."""
        assert index not in self._free_slots, index
        self.owners[index].fill_(FREE)
        self._free_slots.append(index)
        self._free_slots.sort()

    def label(self, index: int, cells: Sequence[int], owner: int) -> None:
        """Give the named cells of a slot to `owner`."""
        if cells:
            self.owners[index, torch.tensor(cells, device=self.owners.device)] = owner

    def copy_slot_from(self, index: int, source: "Bank", source_index: int) -> None:
        """Copy a slot of a bank of smaller capacity into slot `index`; cells keep their numbers."""
        cells = source.capacity
        assert cells <= self.capacity, (cells, self.capacity)
        for keys, others in zip(self.keys, source.keys, strict=True):
            keys[index, :, :, :cells] = others[source_index]
        for values, others in zip(self.values, source.values, strict=True):
            values[index, :, :cells] = others[source_index]
        self.owners[index, :cells] = source.owners[source_index]
        self.positions[index, :cells] = source.positions[source_index]


def _zeros(shape: tuple[int, ...], device: torch.device, dtype: torch.dtype) -> Tensor:
    memory = torch.empty(shape, device=device, dtype=dtype)
    ask_for_huge_pages(memory)
    return memory.zero_()
