"""The key/value memory of a device: slots opened, grown, relabelled and closed in a budget."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch

from duologue.errors import KVMemoryExhausted
from duologue.kv.blocks import CELLS_PER_BLOCK, BlockPool
from duologue.kv.channel import FREE, Channel
from duologue.kv.host_memory import HostMemory
from duologue.kv.prefixes import Prefixes
from duologue.kv.slot import HOLE, Slot
from duologue.model.geometry import ModelGeometry


@dataclass(frozen=True, slots=True)
class Opening:
    """What a session begins with, and among whom that may be shared: those of the same `scope`."""

    scope: str
    tokens: Sequence[int]


class KVMemory:
    """Slots of cells on one device. Not thread-safe: the thread that runs the forwards owns it."""

    def __init__(
        self,
        geometry: ModelGeometry,
        *,
        budget_bytes: int,
        host_bytes: int = 0,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """`host_bytes` of the host's memory take the cells of silent sessions (`move_out`)."""
        self.geometry = geometry
        self.device = torch.device(device)
        self.dtype = dtype
        self.budget_bytes = budget_bytes
        self.cell_bytes = geometry.bytes_per_cell(dtype)
        self.block_bytes = self.cell_bytes * CELLS_PER_BLOCK
        self.pool = BlockPool(
            geometry,
            num_blocks=budget_bytes // self.block_bytes,
            device=self.device,
            dtype=dtype,
        )
        self.prefixes = Prefixes(self.pool)
        self.host = HostMemory(host_bytes, self.block_bytes)
        self._slots: set[Slot] = set()

    @property
    def num_slots(self) -> int:
        return len(self._slots)

    @property
    def num_blocks_held(self) -> int:
        """Blocks that slots hold, each counted once."""
        return self.pool.num_blocks - self.pool.num_free - self.prefixes.num_idle

    @property
    def held_bytes(self) -> int:
        """Memory of the blocks that slots hold."""
        return self.num_blocks_held * self.block_bytes

    @property
    def held_share(self) -> float:
        """Of the blocks: how many slots hold."""
        return self.num_blocks_held / max(1, self.pool.num_blocks)

    @property
    def num_cells_used(self) -> int:
        """Cells in use; one that several slots use counts once."""
        total = 0
        shared: dict[int, int] = {}  # whole blocks that others may have as well
        for slot in self._slots:
            total += slot.num_used
            for entry, num_sealed in enumerate(slot.sealed_in):
                if num_sealed < CELLS_PER_BLOCK:
                    continue
                block, count = int(slot.table[entry]), slot.num_used_in[entry]
                total -= count
                shared[block] = max(shared.get(block, 0), count)
        return total + sum(shared.values())

    def open(self, opening: Opening | None = None) -> tuple[Slot, list[int]]:
        """A slot, and those of its cells that hold a beginning of the opening already.

        These belong to the trunk, from position 0 on. It costs a block at the most, and none where
        there is none.
        """
        slot = Slot()
        self._slots.add(slot)
        return slot, self._adopt(slot, opening) if opening is not None else []

    def check_room(self, slot: Slot, num_cells: int) -> None:
        """Raises `KVMemoryExhausted` if a new slot could not have so many cells in all now."""
        self._need(max(0, -(-num_cells // CELLS_PER_BLOCK) - slot.num_entries))

    def close(self, slot: Slot) -> None:
        """Give the slot back with everything in it."""
        self._slots.remove(slot)
        self.host.forget(slot)
        for block in slot.blocks:
            self.pool.release(block)

    def move_out(self, slot: Slot) -> bool:
        """Move the slot's cells to the memory of the host; whether they are there now.

        They keep their numbers and labels, and may be freed and relabelled meanwhile.
        """
        if self.host.holds(slot):
            return True
        has_moved = self.host.take_in(self.pool, slot)
        if has_moved:
            self._unseal(slot)  # what comes back is the slot's alone
        return has_moved

    def move_in(self, slot: Slot) -> None:
        """Have the slot's cells on the device again. Raises `KVMemoryExhausted`."""
        if self.host.holds(slot):
            self._need(sum(count > 0 for count in slot.num_used_in))
            self.host.give_back(self.pool, slot)
            slot.shorten()

    def share(self, slot: Slot, opening: Opening, cells: Sequence[int]) -> None:
        """Let others begin with the opening, whose cells are these.

        Nothing happens as far as they do not lie one behind the other from the first cell on.
        """
        if list(cells) != list(range(len(cells))):
            return
        num_entries = -(-len(cells) // CELLS_PER_BLOCK)
        blocks = slot.table[:num_entries].tolist()
        known = self.prefixes.learn(opening.scope, opening.tokens, blocks)
        for entry in range(known):
            sealed = min(len(cells) - entry * CELLS_PER_BLOCK, CELLS_PER_BLOCK)
            slot.sealed_in[entry] = max(slot.sealed_in[entry], sealed)

    def take(self, slot: Slot, count: int) -> list[int]:
        """`count` free cells of the slot, the lowest, with blocks for them.

        They stay invisible until a forward fills and labels them. Raises `KVMemoryExhausted`,
        changing nothing that anybody holds.
        """
        missing = max(0, count - len(slot.free_cells))
        num_more = -(-missing // CELLS_PER_BLOCK)
        chosen = slot.free_cells[len(slot.free_cells) - min(count, len(slot.free_cells)) :]
        entries = {cell // CELLS_PER_BLOCK for cell in chosen}
        holes = sorted(entry for entry in entries if slot.table[entry] == HOLE)
        self._need(len(holes) + num_more)
        if num_more:
            holes += range(slot.num_entries, slot.num_entries + num_more)
            slot.extend(num_more)
        for entry in holes:
            slot.put(entry, self.pool.take())
        cells = [slot.free_cells.pop() for _ in range(count)]
        for cell in cells:
            slot.num_used_in[cell // CELLS_PER_BLOCK] += 1
        return cells

    def free(self, slot: Slot, cells: Sequence[int]) -> None:
        """Cells that are no longer wanted: invisible at once, used again later.

        Sealed ones are used again when their block is given back, which happens as soon as none of
        its cells is in use.
        """
        if not cells:
            return
        slot.label(cells, FREE)
        for entry, count in Counter(cell // CELLS_PER_BLOCK for cell in cells).items():
            slot.num_used_in[entry] -= count
        slot.free_cells.extend(cell for cell in cells if not _is_sealed(slot, cell))
        for entry in {cell // CELLS_PER_BLOCK for cell in cells}:
            if slot.num_used_in[entry] == 0:
                self._give_back(slot, entry)
        slot.free_cells.sort(reverse=True)
        if not self.host.holds(slot):
            slot.shorten()

    def relabel(self, slot: Slot, cells: Sequence[int], owner: Channel) -> None:
        """Hand cells over to another channel: nothing is copied, nothing is computed."""
        slot.label(cells, owner)

    def check_integrity(
        self, expected: Mapping[Slot, Mapping[Channel, Iterable[tuple[int, int]]]]
    ) -> None:
        """Assert that memory holds just what its users believe.

        `expected` names per open slot and channel the (cell, position) pairs that are labelled.
        """
        assert set(expected) == self._slots, "slots without an owner, or owners without a slot"
        held = [block for slot in self._slots for block in slot.blocks]
        self.pool.check_integrity([*held, *self.prefixes.blocks])
        for slot, channels in expected.items():
            labels = {
                cell: (int(channel), position)
                for channel, cells in channels.items()
                for cell, position in cells
            }
            owners, positions = slot.owners.tolist(), slot.positions.tolist()
            actual = {cell: (o, positions[cell]) for cell, o in enumerate(owners) if o != FREE}
            assert actual == labels, f"cells {actual} differ from {labels}"
            self._check_slot(slot, labels.keys())

    def _check_slot(self, slot: Slot, used: Iterable[int]) -> None:
        used_in = Counter(cell // CELLS_PER_BLOCK for cell in used)
        assert slot.num_used_in == [used_in[entry] for entry in range(slot.num_entries)]
        is_here = not self.host.holds(slot)
        holes = [n == 0 if is_here else True for n in slot.num_used_in]
        assert [block == HOLE for block in slot.table] == holes
        sealed = {cell for cell in range(len(slot.owners)) if _is_sealed(slot, cell)}
        assert sorted({*slot.free_cells} | {*used} | sealed) == list(range(len(slot.owners))), (
            "cells lost"
        )
        assert not {*slot.free_cells} & ({*used} | sealed), "cells doubled"
        assert slot.free_cells == sorted(slot.free_cells, reverse=True)
        writable = {slot.block_of(cell) for cell in slot.free_cells} - {HOLE}
        for block in writable & set(self.prefixes.blocks):
            assert self.pool.num_holders(block) == 2, "a shared block that can be written to"

    def _adopt(self, slot: Slot, opening: Opening) -> list[int]:
        num_cells = 0
        found = self.prefixes.find(opening.scope, opening.tokens)
        for block, _ in found:
            self.pool.hold(block)  # before anything is given back to make room
        for block, num_tokens in found:
            entry = slot.num_entries
            if num_tokens < CELLS_PER_BLOCK:
                own = self._copied(block)
                if own is None:
                    break
                block = own
            slot.extend(1)
            slot.put(entry, block)
            slot.num_used_in[entry] = num_tokens
            slot.sealed_in[entry] = num_tokens if num_tokens == CELLS_PER_BLOCK else 0
            num_cells += num_tokens
        cells = list(range(num_cells))
        slot.free_cells = [cell for cell in slot.free_cells if cell >= num_cells]
        slot.place(cells, [Channel.TRUNK] * num_cells, range(num_cells))
        return cells

    def _copied(self, block: int) -> int | None:
        """A copy, for somebody who held the block; None if there is no room for one."""
        self.prefixes.make_room(1)
        own = self.pool.take() if self.pool.num_free else None
        if own is not None:
            self.pool.copy(block, own)
        self.pool.release(block)
        return own

    def _give_back(self, slot: Slot, entry: int) -> None:
        """Make an entry none of whose cells is in use a hole."""
        if slot.table[entry] != HOLE:
            self.pool.release(int(slot.table[entry]))
            slot.put(entry, HOLE)
        first = entry * CELLS_PER_BLOCK
        slot.free_cells.extend(range(first, first + slot.sealed_in[entry]))
        slot.sealed_in[entry] = 0

    def _unseal(self, slot: Slot) -> None:
        for entry, num_sealed in enumerate(slot.sealed_in):
            first = entry * CELLS_PER_BLOCK
            sealed = range(first, first + num_sealed)
            slot.free_cells.extend(cell for cell in sealed if slot.owners[cell] == FREE)
            slot.sealed_in[entry] = 0
        slot.free_cells.sort(reverse=True)

    def _need(self, num_blocks: int) -> None:
        self.prefixes.make_room(num_blocks)
        if self.pool.num_free < num_blocks:
            raise KVMemoryExhausted(
                f"{num_blocks} blocks of {CELLS_PER_BLOCK} cells are needed"
                f" ({_mebibytes(num_blocks * self.block_bytes)}), but only {self.pool.num_free} of"
                f" {self.pool.num_blocks} are left of the {_mebibytes(self.budget_bytes)} of"
                " key/value memory"
            )


def _is_sealed(slot: Slot, cell: int) -> bool:
    return cell % CELLS_PER_BLOCK < slot.sealed_in[cell // CELLS_PER_BLOCK]


def _mebibytes(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.1f} MiB"
