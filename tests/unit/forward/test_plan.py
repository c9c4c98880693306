"""The plan of a forward: its order, its parts, and how much it pads."""

from collections.abc import Sequence

import pytest
import torch

from duologue.forward.few import FewRows
from duologue.forward.many import ManyRows
from duologue.forward.plan import MAX_FEW_ROWS, AttentionPlan, size_class
from duologue.forward.rows import Stretch
from duologue.kv.channel import FREE, Channel
from duologue.kv.memory import KVMemory
from duologue.kv.slot import Slot
from duologue.model.geometry import ModelGeometry

GEOMETRY = ModelGeometry(
    num_layers=1,
    num_heads=4,
    num_kv_heads=2,
    head_dim=2,
    hidden_size=8,
    vocab_size=8,
    max_positions=4096,
)


@pytest.fixture
def memory() -> KVMemory:
    return KVMemory(GEOMETRY, budget_bytes=1 << 24)


def stretch(
    memory: KVMemory, slot: Slot, count: int = 1, channel: Channel = Channel.OUTPUT, start: int = 0
) -> Stretch:
    return Stretch(slot, channel, list(range(count)), memory.take(slot, count), start)


def open_slots(memory: KVMemory, *used: int) -> list[Slot]:
    """Slots of which so many cells are in use each."""
    slots = [memory.open()[0] for _ in used]
    for slot, count in zip(slots, used, strict=True):
        memory.take(slot, count)
    return slots


def plan_of(memory: KVMemory, stretches: Sequence[Stretch]) -> AttentionPlan:
    return AttentionPlan(stretches, memory.pool, GEOMETRY.num_heads, torch.float32)


def test_rows_of_a_slot_are_neighbours(memory: KVMemory) -> None:
    one, long, other = open_slots(memory, 0, 300, 0)
    order = [stretch(memory, slot, 2) for slot in (long, one, other)]
    order.append(stretch(memory, one, 3, Channel.INPUT, start=7))
    plan = plan_of(memory, order)
    assert plan.tokens == [0, 1, 0, 1, 2, 0, 1, 0, 1]
    assert plan.positions == [0, 1, 7, 8, 9, 0, 1, 0, 1]
    assert plan.last_rows == [8, 1, 6, 4]


def test_slots_with_few_rows_attend_together(memory: KVMemory) -> None:
    slots = open_slots(memory, *[0] * 13)
    rows = [1, MAX_FEW_ROWS, 3] + [1] * 10
    plan = plan_of(memory, [stretch(memory, s, n) for s, n in zip(slots, rows, strict=True)])
    assert [type(part) for part in plan.parts] == [FewRows]
    assert plan.parts[0].num_rows == sum(rows)


def test_parts_cover_the_rows_in_order_and_long_slots_stand_alone(memory: KVMemory) -> None:
    slots = open_slots(memory, 1, 1, 1, 1, 700, 600)
    counts = [1, MAX_FEW_ROWS + 1, 1, 20, 2, 100]
    stretches = [stretch(memory, s, n) for s, n in zip(slots, counts, strict=True)]
    plan = plan_of(memory, stretches)
    kinds = [(type(part), part.num_rows) for part in plan.parts]
    assert kinds == [
        (FewRows, 2),
        (ManyRows, MAX_FEW_ROWS + 1),
        (ManyRows, 20),
        (FewRows, 2),
        (ManyRows, 100),
    ]
    ends = [0] + [part.end for part in plan.parts]
    assert [part.start for part in plan.parts] == ends[:-1]
    assert ends[-1] == len(plan.tokens) == sum(counts)


def test_rows_of_both_channels_count_together(memory: KVMemory) -> None:
    [slot] = open_slots(memory, 0)
    pair = [
        stretch(memory, slot, MAX_FEW_ROWS, Channel.INPUT),
        stretch(memory, slot, 1, Channel.OUTPUT),
    ]
    assert [type(part) for part in plan_of(memory, pair).parts] == [ManyRows]


def test_a_long_prefill_and_a_long_session_cost_the_others_nothing(memory: KVMemory) -> None:
    """The mask's size is what attention computes: rows times cells looked at, part by part."""
    *short, long, prefilling = open_slots(memory, *[0] * 10, 1990, 0)
    stretches = [stretch(memory, slot) for slot in [*short, long]]
    plan = plan_of(memory, [*stretches, stretch(memory, prefilling, 150)])
    sizes = sorted(part.bias(None).numel() for part in plan.parts)
    # In whole blocks.
    assert sizes == [10 * 32, 1 * 2016, 150 * 160]


def test_the_cells_of_the_rows_are_labelled(memory: KVMemory) -> None:
    slot, other = open_slots(memory, 0, 0)
    plan_of(memory, [stretch(memory, slot, 2, Channel.INPUT, 5), stretch(memory, other, 1)])
    memory.check_integrity(
        {slot: {Channel.INPUT: [(0, 5), (1, 6)]}, other: {Channel.OUTPUT: [(0, 0)]}}
    )


def test_layers_with_the_same_window_share_a_mask(memory: KVMemory) -> None:
    [slot] = open_slots(memory, 0)
    (part,) = plan_of(memory, [stretch(memory, slot, 6)]).parts
    assert part.bias(None) is part.bias(None)
    assert part.bias(2) is not part.bias(None)
    visible = part.bias(2)[:, 0] == 0
    assert visible.sum(dim=1).tolist() == [1, 2, 2, 2, 2, 2]


def test_writing_fills_just_the_cells_of_the_rows(memory: KVMemory) -> None:
    slot, other = open_slots(memory, 31, 0)
    plan = plan_of(memory, [stretch(memory, other, 1), stretch(memory, slot, 2)])
    keys = torch.arange(12.0).view(3, 2, 2) + 1
    for part in plan.parts:
        part.write(0, keys[part.start : part.end], -keys[part.start : part.end])
    pool = memory.pool
    [first, second], [third] = slot.blocks, other.blocks
    for block, place, row in ((third, 0, 0), (first, 31, 1), (second, 0, 2)):
        assert torch.equal(pool.keys[0][block, :, :, place], keys[row])
        assert torch.equal(pool.values[0][block, :, place], -keys[row])
    assert int((pool.keys[0] != 0).sum()) == int((pool.values[0] != 0).sum()) == keys.numel()
    assert [int((each.owners != FREE).sum()) for each in (slot, other)] == [2, 1]


@pytest.mark.parametrize("num_entries", range(1, 200))
def test_slots_of_a_class_are_not_filled_up_by_much(num_entries: int) -> None:
    size = size_class(num_entries)
    assert num_entries <= size <= max(num_entries * 1.5, 2)
    assert size_class(size) == size
