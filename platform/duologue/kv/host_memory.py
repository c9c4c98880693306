"""Cells of silent sessions in the memory of the host, where a device's own is too small for all."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from duologue.kv.blocks import BlockPool
from duologue.kv.slot import HOLE, Slot


@dataclass(frozen=True, slots=True)
class _Stay:
    entries: Tensor  # of the slot's table
    keys: list[Tensor]  # per layer [entries, kv_heads, dim, cells]
    values: list[Tensor]  # per layer [entries, kv_heads, cells, dim]


@dataclass
class HostMemory:
    """Copies of whole blocks, within a budget. A slot whose cells are here has holes only."""

    budget_bytes: int
    block_bytes: int
    _stays: dict[Slot, _Stay] = field(default_factory=dict)

    @property
    def used_bytes(self) -> int:
        """Memory of the copies."""
        return sum(len(stay.entries) for stay in self._stays.values()) * self.block_bytes

    def holds(self, slot: Slot) -> bool:
        """Whether the slot's cells are here."""
        return slot in self._stays

    def take_in(self, pool: BlockPool, slot: Slot) -> bool:
        """Move all cells of the slot here; whether there was room for them."""
        assert slot not in self._stays, "its cells are here already"
        entries = [entry for entry, block in enumerate(slot.table) if block != HOLE]
        if self.used_bytes + len(entries) * self.block_bytes > self.budget_bytes:
            return False
        blocks = torch.from_numpy(slot.table[entries]).long().to(pool.keys[0].device)
        self._stays[slot] = _Stay(
            torch.tensor(entries),
            [_copied(keys, blocks) for keys in pool.keys],
            [_copied(values, blocks) for values in pool.values],
        )
        for entry in entries:
            pool.release(int(slot.table[entry]))
            slot.put(entry, HOLE)
        return True

    def give_back(self, pool: BlockPool, slot: Slot) -> None:
        """Move the cells that are still in use to blocks of the pool, which has enough of them."""
        stay = self._stays.pop(slot)
        used = [place for place, entry in enumerate(stay.entries) if slot.num_used_in[entry]]
        blocks = [pool.take() for _ in used]
        for place, block in zip(used, blocks, strict=True):
            slot.put(int(stay.entries[place]), block)
        target = torch.tensor(blocks, device=pool.keys[0].device, dtype=torch.long)
        for tensors, copies in ((pool.keys, stay.keys), (pool.values, stay.values)):
            for tensor, copy in zip(tensors, copies, strict=True):
                tensor[target] = copy[used].to(tensor.device)

    def forget(self, slot: Slot) -> None:
        """Drop the slot's cells, if they are here."""
        self._stays.pop(slot, None)


def _copied(tensor: Tensor, blocks: Tensor) -> Tensor:
    return tensor[blocks].cpu()
