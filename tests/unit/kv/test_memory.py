"""Key/value memory against a simple model of it, under random use and a tight budget."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from duologue.errors import KVMemoryExhausted
from duologue.kv.capacity import capacity_for
from duologue.kv.channel import FREE, Channel
from duologue.kv.memory import KVMemory
from duologue.kv.slot import Slot
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
CELL_BYTES = GEOMETRY.bytes_per_cell(torch.float32)

Labels = dict[int, tuple[Channel, int, float]]
"""Per cell: owner, position, and the number that was written as its key and value."""


def memory_of(cells: int) -> KVMemory:
    return KVMemory(GEOMETRY, budget_bytes=cells * CELL_BYTES)


def fill(slot: Slot, cells: Sequence[int], owner: Channel, position: int, tag: float) -> None:
    """What a forward does with fresh cells."""
    index = torch.tensor(cells)
    slot.bank.label(slot.index, cells, owner)
    slot.bank.positions[slot.index, index] = position + torch.arange(len(cells), dtype=torch.int32)
    for keys, values in zip(slot.bank.keys, slot.bank.values, strict=True):
        keys[slot.index, :, :, index] = tag
        values[slot.index, :, index] = -tag


def expected(held: dict[Slot, Labels]) -> dict[Slot, dict[Channel, list[tuple[int, int]]]]:
    return {
        slot: {
            owner: [(cell, position) for cell, (o, position, _) in labels.items() if o is owner]
            for owner in Channel
        }
        for slot, labels in held.items()
    }


class MemoryMachine(RuleBasedStateMachine):
    """Opens, fills, frees, relabels, grows and closes slots at random."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = memory_of(4000)
        self.held: dict[Slot, Labels] = {}
        self.tag = 0.0

    def some_slot(self, pick: int) -> Slot:
        return list(self.held)[pick % len(self.held)]

    @rule(cells=st.integers(0, 1200))
    def open(self, cells: int) -> None:
        before = self.snapshot()
        try:
            slot = self.memory.open(cells)
        except KVMemoryExhausted:
            assert self.snapshot() == before
            return
        assert slot.capacity >= cells
        assert slot.num_used == slot.extent == 0
        assert bool((slot.bank.owners[slot.index] == FREE).all())
        self.held[slot] = {}

    @precondition(lambda self: self.held)
    @rule(
        pick=st.integers(0, 99),
        count=st.one_of(st.integers(1, 9), st.integers(100, 400)),
        owner=st.sampled_from(Channel),
        position=st.integers(0, 500),
    )
    def take_and_fill(self, pick: int, count: int, owner: Channel, position: int) -> None:
        slot = self.some_slot(pick)
        before = self.snapshot()
        try:
            cells = self.memory.take(slot, count)
        except KVMemoryExhausted:
            assert self.snapshot() == before
            return
        assert len(set(cells)) == count
        assert not set(cells) & set(self.held[slot])
        self.tag += 1
        fill(slot, cells, owner, position, self.tag)
        for offset, cell in enumerate(cells):
            self.held[slot][cell] = (owner, position + offset, self.tag)

    @precondition(lambda self: self.held)
    @rule(pick=st.integers(0, 99), start=st.integers(0, 40), step=st.integers(1, 5))
    def free(self, pick: int, start: int, step: int) -> None:
        slot = self.some_slot(pick)
        cells = list(self.held[slot])[start::step]
        self.memory.free(slot, cells)
        for cell in cells:
            del self.held[slot][cell]

    @precondition(lambda self: self.held)
    @rule(pick=st.integers(0, 99), old=st.sampled_from(Channel), new=st.sampled_from(Channel))
    def relabel(self, pick: int, old: Channel, new: Channel) -> None:
        slot = self.some_slot(pick)
        labels = self.held[slot]
        cells = [cell for cell, (owner, _, _) in labels.items() if owner is old]
        self.memory.relabel(slot, cells, new)
        labels.update({cell: (new, *labels[cell][1:]) for cell in cells})

    @precondition(lambda self: self.held)
    @rule(pick=st.integers(0, 99))
    def close(self, pick: int) -> None:
        slot = self.some_slot(pick)
        self.memory.close(slot)
        del self.held[slot]

    def snapshot(self) -> object:
        slots = [(slot.bank, slot.index, tuple(slot.free_cells)) for slot in self.held]
        return tuple(self.memory.banks), slots, self.memory.num_slots

    @invariant()
    def memory_holds_what_was_put_there(self) -> None:
        self.memory.check_integrity(expected(self.held))
        assert self.memory.num_cells_used == sum(map(len, self.held.values()))
        for slot, labels in self.held.items():
            assert slot.extent == max(labels, default=-1) + 1
            for cell, (_, _, tag) in list(labels.items())[::7]:
                for keys, values in zip(slot.bank.keys, slot.bank.values, strict=True):
                    assert bool((keys[slot.index, :, :, cell] == tag).all())
                    assert bool((values[slot.index, :, cell] == -tag).all())


MemoryMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, derandomize=True
)
TestMemoryMachine = MemoryMachine.TestCase


def test_a_refusal_says_what_is_missing_and_changes_nothing() -> None:
    memory = memory_of(capacity_for(0))
    slot = memory.open()
    cells = memory.take(slot, 100)
    fill(slot, cells, Channel.TRUNK, 0, 1.0)
    with pytest.raises(KVMemoryExhausted, match="a slot of 256 cells needs"):
        memory.take(slot, 150)
    memory.check_integrity({slot: {Channel.TRUNK: [(cell, cell) for cell in cells]}})
    assert memory.take(slot, 92)[-1] == slot.capacity - 1


def test_a_slot_of_a_larger_class_serves_when_the_budget_allows_no_new_bank() -> None:
    memory = memory_of(2 * capacity_for(500))
    wide, other = memory.open(500), memory.open(500)
    memory.close(wide)
    narrow = memory.open(10)
    assert narrow.bank is other.bank


def test_a_closed_slot_is_used_again_and_shows_nothing_of_its_past() -> None:
    memory = memory_of(10_000)
    keeper, gone = memory.open(), memory.open()
    fill(gone, memory.take(gone, 30), Channel.OUTPUT, 0, 1.0)
    place = (gone.bank, gone.index)
    memory.close(gone)
    reopened = memory.open()
    assert (reopened.bank, reopened.index) == place
    memory.check_integrity({keeper: {}, reopened: {}})


def test_growing_keeps_the_slot_and_gives_the_old_place_back() -> None:
    memory = memory_of(10_000)
    slot, neighbour = memory.open(), memory.open()
    cells = memory.take(slot, 190)
    fill(slot, cells, Channel.TRUNK, 0, 3.0)
    small = slot.bank
    more = memory.take(slot, 10)
    assert slot.bank is not small
    assert slot.capacity == capacity_for(200)
    assert set(more) & set(range(190)) == set()
    assert bool((slot.bank.keys[1][slot.index, :, :, torch.tensor(cells)] == 3.0).all())
    fill(slot, more, Channel.TRUNK, 190, 4.0)
    memory.check_integrity(
        {slot: {Channel.TRUNK: [(cell, cell) for cell in cells + more]}, neighbour: {}}
    )


def test_an_empty_bank_gives_its_memory_back() -> None:
    memory = memory_of(10_000)
    slot = memory.open()
    assert memory.allocated_bytes > 0
    memory.close(slot)
    assert memory.allocated_bytes == 0
    assert not memory.banks


@pytest.mark.parametrize("mistake", ["leaked cell", "wrong position", "wrong owner", "lost slot"])
def test_the_integrity_check_notices(mistake: str) -> None:
    memory = memory_of(1000)
    slot = memory.open()
    cells = memory.take(slot, 3)
    fill(slot, cells, Channel.INPUT, 5, 1.0)
    believed = [(cell, 5 + offset) for offset, cell in enumerate(cells)]
    memory.check_integrity({slot: {Channel.INPUT: believed}})
    if mistake == "leaked cell":
        memory.take(slot, 1)
    elif mistake == "wrong position":
        slot.bank.positions[slot.index, cells[0]] += 1
    elif mistake == "wrong owner":
        slot.bank.label(slot.index, cells[:1], Channel.OUTPUT)
    else:
        memory.open()
    with pytest.raises(AssertionError):
        memory.check_integrity({slot: {Channel.INPUT: believed}})


def test_extent_is_one_past_the_highest_cell_in_use() -> None:
    memory = memory_of(1000)
    slot = memory.open()
    cells = memory.take(slot, 20)
    memory.free(slot, cells[3:5])
    assert slot.extent == 20
    memory.free(slot, cells[18:])
    assert slot.extent == 18
