"""Key/value memory against a simple model of it, under random use and a tight budget."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from duologue.errors import KVMemoryExhausted
from duologue.kv.blocks import CELLS_PER_BLOCK
from duologue.kv.channel import FREE, Channel
from duologue.kv.memory import KVMemory, Opening
from duologue.kv.slot import HOLE, Slot
from duologue.model.geometry import ModelGeometry

GEOMETRY = ModelGeometry(
    num_layers=2,
    num_heads=2,
    num_kv_heads=1,
    head_dim=2,
    hidden_size=4,
    vocab_size=8,
    max_positions=4096,
)
BLOCK_BYTES = GEOMETRY.bytes_per_cell(torch.float32) * CELLS_PER_BLOCK
NUM_BLOCKS = 40

Labels = dict[int, tuple[Channel, int, float]]
"""Per cell: owner, position, and the number that was written as its key and value."""


@dataclass
class Held:
    """What a session believes to have."""

    labels: Labels = field(default_factory=dict)
    opening: Opening | None = None


def memory_of(num_blocks: int, num_host_blocks: int = 0) -> KVMemory:
    return KVMemory(
        GEOMETRY,
        budget_bytes=num_blocks * BLOCK_BYTES,
        host_bytes=num_host_blocks * BLOCK_BYTES,
    )


def fill(
    memory: KVMemory, slot: Slot, cells: Sequence[int], owner: Channel, position: int, tag: float
) -> None:
    """What a forward does with fresh cells."""
    slot.place(cells, [owner] * len(cells), range(position, position + len(cells)))
    for cell in cells:
        block, place = slot.block_of(cell), cell % CELLS_PER_BLOCK
        for keys, values in zip(memory.pool.keys, memory.pool.values, strict=True):
            keys[block, :, :, place] = tag + cell
            values[block, :, place] = -tag - cell


def read(memory: KVMemory, slot: Slot, cell: int) -> set[float]:
    """What lies in a cell: one number, if it is whole."""
    block, place = slot.block_of(cell), cell % CELLS_PER_BLOCK
    found: set[float] = set()
    for keys, values in zip(memory.pool.keys, memory.pool.values, strict=True):
        found |= {*keys[block, :, :, place].flatten().tolist()}
        found |= {-number for number in values[block, :, place].flatten().tolist()}
    return found


def expected(labels: dict[Slot, Labels]) -> dict[Slot, dict[Channel, list[tuple[int, int]]]]:
    return {
        slot: {
            owner: [(cell, position) for cell, (o, position, _) in its.items() if o is owner]
            for owner in Channel
        }
        for slot, its in labels.items()
    }


class MemoryMachine(RuleBasedStateMachine):
    """Opens, fills, shares, frees, relabels, grows and closes slots at random."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = memory_of(NUM_BLOCKS, num_host_blocks=20)
        self.held: dict[Slot, Held] = {}
        self.tag = 0.0

    def some_slot(self, pick: int) -> Slot:
        return list(self.held)[pick % len(self.held)]

    def some_slot_here(self, pick: int) -> Slot | None:
        """One whose cells are on the device, or can be."""
        slot = self.some_slot(pick)
        try:
            self.memory.move_in(slot)
        except KVMemoryExhausted:
            held = {block for each in self.held for block in each.blocks}
            assert sum(count > 0 for count in slot.num_used_in) > NUM_BLOCKS - len(held)
            return None
        return slot

    @precondition(lambda self: self.held)
    @rule(pick=st.integers(0, 99))
    def move_out(self, pick: int) -> None:
        slot = self.some_slot(pick)
        room = self.memory.host.budget_bytes - self.memory.host.used_bytes
        num_blocks, was_there = len(slot.blocks), self.memory.host.holds(slot)
        has_moved = self.memory.move_out(slot)
        assert has_moved == (was_there or num_blocks * BLOCK_BYTES <= room)
        assert not (has_moved and slot.blocks)

    @rule(
        length=st.sampled_from((0, 20, 32, 40, 64, 90)),
        variant=st.integers(0, 1),
        scope=st.sampled_from((None, "a", "b")),
    )
    def open(self, length: int, variant: int, scope: str | None) -> None:
        opening = None
        if scope is not None:
            # Both variants begin alike.
            tokens = [*range(min(length, 40)), *(variant * 100 + n for n in range(length - 40))]
            opening = Opening(scope, tokens)
        slot, cells = self.memory.open(opening)
        held = self.held[slot] = Held(opening=opening)
        assert cells == list(range(len(cells)))
        assert len(cells) <= (len(opening.tokens) if opening else 0)
        for cell in cells:
            assert opening is not None
            held.labels[cell] = (Channel.TRUNK, cell, self.opening_tag(opening, cell))

    def opening_tag(self, opening: Opening, cell: int) -> float:
        """What every session writes for the same token behind the same past."""
        scope = 1000.0 if opening.scope == "a" else 2000.0
        return scope + 7 * opening.tokens[cell]

    def is_a_beginning(self, held: Held) -> bool:
        """Whether the session holds nothing but a beginning of its opening."""
        opening = held.opening
        assert opening is not None
        if len(held.labels) > len(opening.tokens):
            return False
        return held.labels == {
            cell: (Channel.TRUNK, cell, self.opening_tag(opening, cell))
            for cell in range(len(held.labels))
        }

    @precondition(lambda self: self.held)
    @rule(pick=st.integers(0, 99))
    def compute_the_opening(self, pick: int) -> None:
        slot = self.some_slot_here(pick)
        if slot is None:
            return
        held = self.held[slot]
        if held.opening is None or not self.is_a_beginning(held):
            return
        have = len(held.labels)
        missing = len(held.opening.tokens) - have
        if not missing:
            return
        try:
            cells = self.memory.take(slot, missing)
        except KVMemoryExhausted:
            return
        for position, cell in enumerate(cells, start=have):
            tag = self.opening_tag(held.opening, position)
            fill(self.memory, slot, [cell], Channel.TRUNK, position, tag)
            held.labels[cell] = (Channel.TRUNK, position, tag)
        self.memory.share(slot, held.opening, [*range(have), *cells])

    @precondition(lambda self: self.held)
    @rule(
        pick=st.integers(0, 99),
        count=st.one_of(st.integers(1, 9), st.integers(100, 400)),
        owner=st.sampled_from(Channel),
        position=st.integers(0, 500),
    )
    def take_and_fill(self, pick: int, count: int, owner: Channel, position: int) -> None:
        slot = self.some_slot_here(pick)
        if slot is None:
            return
        before = self.snapshot(slot)
        try:
            cells = self.memory.take(slot, count)
        except KVMemoryExhausted:
            assert self.snapshot(slot) == before
            assert self.is_refused_rightly(slot, count)
            return
        labels = self.held[slot].labels
        assert len(set(cells)) == count
        assert not set(cells) & set(labels)
        self.tag += 1000
        fill(self.memory, slot, cells, owner, position, self.tag)
        for offset, cell in enumerate(cells):
            labels[cell] = (owner, position + offset, self.tag)

    def is_refused_rightly(self, slot: Slot, count: int) -> bool:
        """Whether there are not so many cells, in blocks that are free or in the slot's own."""
        own = sum(
            CELLS_PER_BLOCK - max(used, sealed)
            for used, sealed in zip(slot.num_used_in, slot.sealed_in, strict=True)
            if used
        )
        held = {block for each in self.held for block in each.blocks}
        return count > own + (NUM_BLOCKS - len(held)) * CELLS_PER_BLOCK

    @precondition(lambda self: self.held)
    @rule(pick=st.integers(0, 99), start=st.integers(0, 40), step=st.integers(1, 5))
    def free(self, pick: int, start: int, step: int) -> None:
        slot = self.some_slot(pick)
        labels = self.held[slot].labels
        cells = list(labels)[start::step]
        self.memory.free(slot, cells)
        for cell in cells:
            del labels[cell]

    @precondition(lambda self: self.held)
    @rule(pick=st.integers(0, 99), old=st.sampled_from(Channel), new=st.sampled_from(Channel))
    def relabel(self, pick: int, old: Channel, new: Channel) -> None:
        slot = self.some_slot(pick)
        labels = self.held[slot].labels
        cells = [cell for cell, (owner, _, _) in labels.items() if owner is old]
        self.memory.relabel(slot, cells, new)
        labels.update({cell: (new, *labels[cell][1:]) for cell in cells})

    @precondition(lambda self: self.held)
    @rule(pick=st.integers(0, 99))
    def close(self, pick: int) -> None:
        slot = self.some_slot(pick)
        self.memory.close(slot)
        del self.held[slot]

    def num_cells_used(self, labels: dict[Slot, Labels]) -> int:
        """Of each block, what the slot with most of it uses; and what is on the host."""
        by_block: dict[int, int] = {}
        for slot in labels:
            for block, count in zip(slot.table.tolist(), slot.num_used_in, strict=True):
                if block != HOLE:
                    by_block[block] = max(by_block.get(block, 0), count)
        out = sum(len(its) for slot, its in labels.items() if self.memory.host.holds(slot))
        return sum(by_block.values()) + out

    def snapshot(self, slot: Slot) -> object:
        return slot.table.tolist(), list(slot.free_cells), list(slot.num_used_in)

    @invariant()
    def memory_holds_what_was_put_there(self) -> None:
        labels = {slot: held.labels for slot, held in self.held.items()}
        self.memory.check_integrity(expected(labels))
        assert self.memory.num_cells_used == self.num_cells_used(labels)
        for slot, its in labels.items():
            assert slot.num_used == len(its)
            if self.memory.host.holds(slot):
                continue
            for cell, (_, _, tag) in list(its.items())[::7]:
                assert read(self.memory, slot, cell) == {tag + cell}


MemoryMachine.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestMemoryMachine = MemoryMachine.TestCase


def test_a_refusal_says_what_is_missing_and_changes_nothing() -> None:
    memory = memory_of(2)
    slot, _ = memory.open()
    cells = memory.take(slot, 40)
    fill(memory, slot, cells, Channel.TRUNK, 0, 1.0)
    with pytest.raises(KVMemoryExhausted, match=r"1 blocks of 32 cells .* 0 of 2 are left"):
        memory.take(slot, 25)
    memory.check_integrity({slot: {Channel.TRUNK: [(cell, cell) for cell in cells]}})
    assert memory.take(slot, 24)[-1] == 63


def test_nothing_is_refused_before_the_pool_is_full() -> None:
    """Sessions of any lengths: with Llama-3-8B's sizes, banks of slots refused at 5 % of use."""
    memory = memory_of(100)
    slots = [memory.open()[0] for _ in range(10)]
    for number in range(10 * 10 * CELLS_PER_BLOCK):
        memory.take(slots[number % 10], 1)
    assert memory.num_cells_used == 100 * CELLS_PER_BLOCK
    assert memory.held_share == 1.0


def test_a_closed_slots_blocks_are_used_again_and_show_nothing_of_their_past() -> None:
    memory = memory_of(10)
    keeper, _ = memory.open()
    gone, _ = memory.open()
    fill(memory, gone, memory.take(gone, 30), Channel.OUTPUT, 0, 1.0)
    blocks = gone.blocks
    memory.close(gone)
    reopened, _ = memory.open()
    cells = memory.take(reopened, 1)
    assert reopened.blocks == blocks
    assert set(reopened.owners.tolist()) == {FREE}
    memory.free(reopened, cells)
    memory.check_integrity({keeper: {}, reopened: {}})


def test_growing_copies_nothing() -> None:
    memory = memory_of(10)
    slot, _ = memory.open()
    cells = memory.take(slot, CELLS_PER_BLOCK)
    fill(memory, slot, cells, Channel.TRUNK, 0, 3.0)
    before = slot.blocks
    more = memory.take(slot, 5 * CELLS_PER_BLOCK)
    assert slot.blocks[:1] == before
    assert more[0] == CELLS_PER_BLOCK
    assert read(memory, slot, 7) == {10.0}


def test_a_block_in_the_middle_is_given_back_and_filled_again() -> None:
    memory = memory_of(3)
    slot, _ = memory.open()
    cells = memory.take(slot, 3 * CELLS_PER_BLOCK)
    memory.free(slot, cells[CELLS_PER_BLOCK : 2 * CELLS_PER_BLOCK])
    assert memory.num_blocks_held == 2
    other, _ = memory.open()
    memory.take(other, 1)
    with pytest.raises(KVMemoryExhausted):
        memory.take(slot, 1)
    memory.close(other)
    assert memory.take(slot, 1) == [CELLS_PER_BLOCK]


def test_cells_come_back_from_the_host_as_they_were_however_changed_meanwhile() -> None:
    memory = memory_of(4, num_host_blocks=3)
    slot, _ = memory.open()
    cells = memory.take(slot, 3 * CELLS_PER_BLOCK)
    fill(memory, slot, cells, Channel.OUTPUT, 0, 100.0)
    assert memory.move_out(slot)
    assert (memory.num_blocks_held, memory.host.used_bytes) == (0, 3 * BLOCK_BYTES)
    memory.free(slot, cells[10:70])  # of which the second block is whole
    memory.relabel(slot, cells[:10], Channel.TRUNK)
    other, _ = memory.open()
    memory.take(other, 2 * CELLS_PER_BLOCK + 1)
    with pytest.raises(KVMemoryExhausted):
        memory.move_in(slot)
    assert not memory.move_out(other), "there is no room for it on the host"
    memory.close(other)
    memory.move_in(slot)
    assert memory.num_blocks_held == 2
    kept = {Channel.TRUNK: cells[:10], Channel.OUTPUT: cells[70:]}
    memory.check_integrity({slot: {c: [(n, n) for n in its] for c, its in kept.items()}})
    assert read(memory, slot, 75) == {175.0}
    assert memory.take(slot, 1) == [10]


@pytest.mark.parametrize("mistake", ["leaked cell", "wrong position", "wrong owner", "lost slot"])
def test_the_integrity_check_notices(mistake: str) -> None:
    memory = memory_of(10)
    slot, _ = memory.open()
    cells = memory.take(slot, 3)
    fill(memory, slot, cells, Channel.INPUT, 5, 1.0)
    believed = [(cell, 5 + offset) for offset, cell in enumerate(cells)]
    memory.check_integrity({slot: {Channel.INPUT: believed}})
    if mistake == "leaked cell":
        memory.take(slot, 1)
    elif mistake == "wrong position":
        slot.positions[cells[0]] += 1
    elif mistake == "wrong owner":
        slot.label(cells[:1], Channel.OUTPUT)
    else:
        memory.open()
    with pytest.raises(AssertionError):
        memory.check_integrity({slot: {Channel.INPUT: believed}})
