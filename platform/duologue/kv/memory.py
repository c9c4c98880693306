"""The key/value memory of a device: slots opened, grown, relabelled and closed in a budget."""

from collections.abc import Iterable, Mapping, Sequence

import torch

from duologue.errors import KVMemoryExhausted
from duologue.kv.bank import Bank
from duologue.kv.capacity import capacity_for
from duologue.kv.channel import FREE, Channel
from duologue.kv.slot import Slot
from duologue.model.geometry import ModelGeometry

BANK_SLOTS = 32
"""Slots in a bank at the most: its memory is cleared in one go, and forwards wait meanwhile."""

BANK_BYTES = 1 << 30
"""A bank of large slots has fewer of them, so that the budget is not taken in one bite."""


class KVMemory:
    """Slots of cells on one device. Not thread-safe: the thread that runs the forwards owns it."""

    def __init__(
        self,
        geometry: ModelGeometry,
        *,
        budget_bytes: int,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.geometry = geometry
        self.device = torch.device(device)
        self.dtype = dtype
        self.budget_bytes = budget_bytes
        self.cell_bytes = geometry.bytes_per_cell(dtype)
        self._banks: list[Bank] = []
        self._slots: set[Slot] = set()

    @property
    def banks(self) -> Sequence[Bank]:
        return self._banks

    @property
    def allocated_bytes(self) -> int:
        return sum(bank.num_slots * bank.capacity for bank in self._banks) * self.cell_bytes

    @property
    def num_slots(self) -> int:
        return len(self._slots)

    @property
    def num_cells_used(self) -> int:
        return sum(slot.num_used for slot in self._slots)

    def open(self, cells: int = 0) -> Slot:
        """A slot with room for at least `cells`.

        Raises `KVMemoryExhausted` and changes nothing if the budget does not allow one.
        """
        bank = self._bank_with_room(capacity_for(cells))
        slot = Slot(bank, bank.take_slot(), list(range(bank.capacity - 1, -1, -1)))
        self._slots.add(slot)
        return slot

    def close(self, slot: Slot) -> None:
        """Give the slot back with everything in it."""
        self._slots.remove(slot)
        self._leave(slot.bank, slot.index)

    def take(self, slot: Slot, count: int) -> list[int]:
        """`count` free cells of the slot, which moves to a larger class when it has too few.

        They stay invisible until a forward fills and labels them. Raises `KVMemoryExhausted`,
        changing nothing.
        """
        if count > len(slot.free_cells):
            self._grow(slot, slot.num_used + count)
        return [slot.free_cells.pop() for _ in range(count)]

    def free(self, slot: Slot, cells: Sequence[int]) -> None:
        """Cells that are no longer wanted: invisible at once, used again later."""
        slot.bank.label(slot.index, cells, FREE)
        slot.free_cells.extend(cells)
        slot.free_cells.sort(reverse=True)

    def relabel(self, slot: Slot, cells: Sequence[int], owner: Channel) -> None:
        """Hand cells over to another channel: nothing is copied, nothing is computed."""
        slot.bank.label(slot.index, cells, owner)

    def check_integrity(
        self, expected: Mapping[Slot, Mapping[Channel, Iterable[tuple[int, int]]]]
    ) -> None:
        """Assert that memory holds just what its users believe.

        `expected` names per open slot and channel the (cell, position) pairs that are labelled.
        """
        assert set(expected) == self._slots, "slots without an owner, or owners without a slot"
        assert self.allocated_bytes <= self.budget_bytes
        for bank in self._banks:
            taken = {slot.index for slot in self._slots if slot.bank is bank}
            for index in set(range(bank.num_slots)) - taken:
                assert bool((bank.owners[index] == FREE).all()), "a closed slot has visible cells"
        for slot, channels in expected.items():
            labels = {
                cell: (int(channel), position)
                for channel, cells in channels.items()
                for cell, position in cells
            }
            owners = slot.bank.owners[slot.index].tolist()
            positions = slot.bank.positions[slot.index].tolist()
            actual = {cell: (o, positions[cell]) for cell, o in enumerate(owners) if o != FREE}
            assert actual == labels, f"cells {actual} differ from {labels}"
            assert sorted(slot.free_cells + list(labels)) == list(range(slot.capacity)), (
                "cells lost or doubled"
            )

    def _grow(self, slot: Slot, cells: int) -> None:
        bank = self._bank_with_room(capacity_for(cells))
        index = bank.take_slot()
        bank.copy_slot_from(index, slot.bank, slot.index)
        new_cells = list(range(bank.capacity - 1, slot.capacity - 1, -1))
        left_bank, left_index = slot.bank, slot.index
        slot.bank, slot.index, slot.free_cells = bank, index, new_cells + slot.free_cells
        self._leave(left_bank, left_index)

    def _leave(self, bank: Bank, index: int) -> None:
        bank.give_slot(index)
        if bank.is_empty:
            self._banks.remove(bank)

    def _bank_with_room(self, capacity: int) -> Bank:
        """A bank of this class; one of a larger class only if the budget allows no new bank."""
        roomy = [bank for bank in self._banks if bank.has_room and bank.capacity >= capacity]
        best = min(roomy, key=lambda bank: bank.capacity, default=None)
        num_slots = self._affordable_slots(capacity)
        if best is not None and (best.capacity == capacity or num_slots < 1):
            return best
        if num_slots < 1:
            raise KVMemoryExhausted(
                f"a slot of {capacity} cells needs {_mebibytes(capacity * self.cell_bytes)}, "
                f"but only {_mebibytes(self.budget_bytes - self.allocated_bytes)} of "
                f"{_mebibytes(self.budget_bytes)} of key/value memory are left"
            )
        bank = Bank(
            self.geometry,
            num_slots=num_slots,
            capacity=capacity,
            device=self.device,
            dtype=self.dtype,
        )
        self._banks.append(bank)
        return bank

    def _affordable_slots(self, capacity: int) -> int:
        """How many slots a new bank of this class can have."""
        slot_bytes = capacity * self.cell_bytes
        left_bytes = self.budget_bytes - self.allocated_bytes
        return min(BANK_SLOTS, max(1, BANK_BYTES // slot_bytes), left_bytes // slot_bytes)


def _mebibytes(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.1f} MiB"
