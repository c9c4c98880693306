"""Openings that several sessions begin with: held once, and told apart."""

import pytest

from duologue.errors import KVMemoryExhausted
from duologue.kv.blocks import CELLS_PER_BLOCK
from duologue.kv.channel import Channel
from duologue.kv.memory import KVMemory, Opening
from duologue.kv.slot import Slot
from tests.unit.kv.test_memory import fill, memory_of, read

THOUSAND = list(range(1000))


def begin(memory: KVMemory, opening: Opening) -> Slot:
    """A session that computes what is missing of its opening, and lets others have it."""
    slot, cells = memory.open(opening)
    more = memory.take(slot, len(opening.tokens) - len(cells))
    for cell in more:
        fill(memory, slot, [cell], Channel.TRUNK, cell, 1.0)
    memory.share(slot, opening, [*cells, *more])
    return slot


def test_a_prompt_of_a_thousand_tokens_with_64_sessions_is_held_once() -> None:
    memory, opening = memory_of(100), Opening("acme", THOUSAND)
    slots = [begin(memory, opening) for _ in range(64)]
    # 31 whole blocks of all, and the last 8 tokens of each, which others are written behind.
    assert memory.num_blocks_held == 31 + 64
    assert memory.num_cells_used == 31 * CELLS_PER_BLOCK + 64 * 8
    for slot in slots:
        memory.take(slot, CELLS_PER_BLOCK - 8)
    assert memory.num_blocks_held == 31 + 64


def test_all_of_it_is_there_at_once_for_who_comes_later() -> None:
    memory, opening = memory_of(100), Opening("acme", THOUSAND)
    first = begin(memory, opening)
    later, cells = memory.open(opening)
    assert cells == list(range(1000))
    assert later.blocks[:31] == first.blocks[:31]
    assert later.blocks[31] != first.blocks[31]
    assert read(memory, later, 995) == read(memory, first, 995) == {996.0}


def test_what_differs_after_the_first_block_shares_only_that() -> None:
    memory = memory_of(100)
    begin(memory, Opening("acme", THOUSAND[:100]))
    _, cells = memory.open(Opening("acme", [*THOUSAND[:40], 7, *THOUSAND[41:100]]))
    assert cells == list(range(CELLS_PER_BLOCK))


def test_the_same_block_behind_another_past_is_another() -> None:
    memory = memory_of(100)
    begin(memory, Opening("acme", THOUSAND[:64]))
    _, cells = memory.open(Opening("acme", [*THOUSAND[1:33], *THOUSAND[32:64]]))
    assert cells == []


def test_nothing_is_shared_among_others() -> None:
    memory = memory_of(100)
    begin(memory, Opening("acme", THOUSAND))
    _, cells = memory.open(Opening("globex", THOUSAND))
    assert cells == []
    _, cells = memory.open()
    assert cells == []


def test_it_stays_when_its_sessions_have_gone_and_leaves_when_room_is_needed() -> None:
    memory = memory_of(10)
    opening = Opening("acme", THOUSAND[:96])
    memory.close(begin(memory, opening))
    assert (memory.num_blocks_held, memory.prefixes.num_idle) == (0, 3)
    slot, cells = memory.open(opening)
    assert len(cells) == 96
    memory.close(slot)
    greedy, _ = memory.open()
    memory.take(greedy, 10 * CELLS_PER_BLOCK)
    assert (memory.num_blocks_held, memory.prefixes.num_idle) == (10, 0)
    _, cells = memory.open(opening)
    assert cells == []


def test_the_longest_unused_leaves_first_and_its_end_before_its_beginning() -> None:
    memory = memory_of(6)
    old, new = (Opening(name, THOUSAND[:96]) for name in ("old", "new"))
    for opening in (old, new):
        memory.close(begin(memory, opening))
    memory.close(memory.open(old)[0])  # it is used once more
    slot, _ = memory.open()
    memory.take(slot, 1)
    assert len(memory.prefixes.find("old", old.tokens)) == 3
    assert len(memory.prefixes.find("new", new.tokens)) == 2


def test_what_a_session_gives_up_of_it_is_not_written_over() -> None:
    memory, opening = memory_of(10), Opening("acme", THOUSAND[:40])
    first = begin(memory, opening)
    memory.free(first, [3, 4, 35, 39])
    cells = memory.take(first, 60)
    assert not {3, 4, 35, 39} & set(cells)
    fill(memory, first, cells, Channel.OUTPUT, 40, 500.0)
    later, _ = memory.open(opening)
    assert [read(memory, later, cell) for cell in (3, 39)] == [{4.0}, {40.0}]


def test_a_block_that_nobody_uses_any_more_is_a_hole_and_can_be_filled() -> None:
    memory, opening = memory_of(10), Opening("acme", THOUSAND[:32])
    slot = begin(memory, opening)
    shared = slot.blocks
    memory.free(slot, list(range(32)))
    assert memory.num_blocks_held == 0
    memory.take(slot, 1)
    assert slot.blocks != shared


def test_without_room_for_a_copy_only_whole_blocks_are_shared() -> None:
    memory, opening = memory_of(2), Opening("acme", THOUSAND[:40])
    begin(memory, opening)
    _, cells = memory.open(opening)
    assert cells == list(range(CELLS_PER_BLOCK))


def test_cells_that_do_not_lie_in_order_are_not_shared() -> None:
    memory, opening = memory_of(10), Opening("acme", THOUSAND[:3])
    slot, _ = memory.open(opening)
    cells = memory.take(slot, 4)
    memory.share(slot, opening, cells[1:])
    assert memory.prefixes.blocks == []


def test_room_in_the_copied_end_of_an_opening_counts() -> None:
    memory, opening = memory_of(3), Opening("acme", THOUSAND[:40])
    begin(memory, opening)
    later, cells = memory.open(opening)
    assert len(cells) == 40
    memory.check_room(later, 64)
    with pytest.raises(KVMemoryExhausted):
        memory.check_room(later, 65)
    assert len(memory.take(later, 24)) == 24
