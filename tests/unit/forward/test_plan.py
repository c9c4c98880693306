"""The plan of a forward: its order, its parts, and how much it pads."""

from collections.abc import Sequence

import pytest
import torch

from duologue.forward.few import FewRows
from duologue.forward.many import ManyRows
from duologue.forward.plan import MAX_FEW_ROWS, AttentionPlan
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
    tokens = list(range(10 * slot.index, 10 * slot.index + count))
    return Stretch(slot, channel, tokens, memory.take(slot, count), start)


def plan_of(stretches: Sequence[Stretch]) -> AttentionPlan:
    return AttentionPlan(stretches, GEOMETRY.num_heads, torch.float32)


def test_rows_are_ordered_as_slots_lie_in_memory(memory: KVMemory) -> None:
    slots = [memory.open() for _ in range(3)]
    order = [stretch(memory, slots[i], 2) for i in (2, 0, 1)]
    order.append(stretch(memory, slots[0], 1, Channel.INPUT, start=7))
    plan = plan_of(order)
    assert plan.tokens == [0, 1, 0, 10, 11, 20, 21]
    assert plan.positions == [0, 1, 7, 0, 1, 0, 1]
    assert plan.last_rows == [6, 1, 4, 2]


def test_all_slots_with_few_rows_in_a_bank_attend_together(memory: KVMemory) -> None:
    slots = [memory.open() for _ in range(20)]
    rows = [1, MAX_FEW_ROWS, 3] + [1] * 10
    used = [slots[i] for i in (19, 3, 7, 0, 1, 2, 4, 5, 6, 8, 12, 14, 16)]
    plan = plan_of([stretch(memory, s, n) for s, n in zip(used, rows, strict=True)])
    assert [type(part) for part in plan.parts] == [FewRows]
    assert plan.parts[0].num_rows == sum(rows)


def test_parts_cover_the_rows_in_order_and_long_slots_stand_alone(memory: KVMemory) -> None:
    small, large = [memory.open() for _ in range(4)], [memory.open(700) for _ in range(2)]
    counts = [1, MAX_FEW_ROWS + 1, 1, 40, 2, 100]
    plan = plan_of([stretch(memory, s, n) for s, n in zip(small + large, counts, strict=True)])
    kinds = [(type(part), part.num_rows) for part in plan.parts]
    assert kinds == [
        (FewRows, 2),
        (ManyRows, MAX_FEW_ROWS + 1),
        (ManyRows, 40),
        (FewRows, 2),
        (ManyRows, 100),
    ]
    ends = [0] + [part.end for part in plan.parts]
    assert [part.start for part in plan.parts] == ends[:-1]
    assert ends[-1] == len(plan.tokens) == sum(counts)


def test_rows_of_both_channels_count_together(memory: KVMemory) -> None:
    slot = memory.open()
    pair = [
        stretch(memory, slot, MAX_FEW_ROWS, Channel.INPUT),
        stretch(memory, slot, 1, Channel.OUTPUT),
    ]
    assert [type(part) for part in plan_of(pair).parts] == [ManyRows]


def test_a_long_prefill_and_a_long_session_cost_the_others_nothing(memory: KVMemory) -> None:
    """The mask's size is what attention computes: rows times cells looked at, part by part."""
    short = [memory.open() for _ in range(10)]
    long, prefilling = memory.open(2000), memory.open()
    memory.take(long, 1990)
    stretches = [stretch(memory, slot) for slot in [*short, long]]
    plan = plan_of([*stretches, stretch(memory, prefilling, 150)])
    sizes = sorted(part.bias(None).numel() for part in plan.parts)
    assert sizes == [10 * 1, 1 * 1991, 150 * 150]


def test_the_cells_of_the_rows_are_labelled(memory: KVMemory) -> None:
    slot, other = memory.open(), memory.open()
    plan_of([stretch(memory, slot, 2, Channel.INPUT, 5), stretch(memory, other, 1)])
    memory.check_integrity(
        {slot: {Channel.INPUT: [(0, 5), (1, 6)]}, other: {Channel.OUTPUT: [(0, 0)]}}
    )


def test_layers_with_the_same_window_share_a_mask(memory: KVMemory) -> None:
    slot = memory.open()
    (part,) = plan_of([stretch(memory, slot, 6)]).parts
    assert part.bias(None) is part.bias(None)
    assert part.bias(2) is not part.bias(None)
    visible = part.bias(2)[:, 0] == 0
    assert visible.sum(dim=1).tolist() == [1, 2, 2, 2, 2, 2]


def test_writing_fills_just_the_cells_of_the_rows(memory: KVMemory) -> None:
    slot, other = memory.open(), memory.open()
    plan = plan_of([stretch(memory, other, 1), stretch(memory, slot, 2)])
    keys = torch.arange(12.0).view(3, 2, 2) + 1
    plan.parts[0].write(0, keys, -keys)
    bank = slot.bank
    assert torch.equal(bank.keys[0][slot.index, :, :, :2], keys[:2].permute(1, 2, 0))
    assert torch.equal(bank.values[0][slot.index, :, :2], -keys[:2].transpose(0, 1))
    assert torch.equal(bank.keys[0][other.index, :, :, 0], keys[2])
    assert int((bank.keys[0] != 0).sum()) == int((bank.values[0] != 0).sum()) == keys.numel()
    assert int((bank.owners != FREE).sum()) == 3
