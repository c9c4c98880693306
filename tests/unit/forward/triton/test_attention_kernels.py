"""Attention over blocks, played by Triton's interpreter, against the same in float64."""

from random import Random
from unittest.mock import patch

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from duologue.forward.slot_rows import SlotWork
from duologue.forward.triton import plan
from duologue.forward.triton.operations import attend
from duologue.forward.triton.plan import RowsPlan, RowTensors
from duologue.forward.triton.shapes import AttentionShape, HeadShape
from duologue.kv.blocks import CELLS_PER_BLOCK, BlockPool
from duologue.kv.channel import Channel
from duologue.kv.slot import Slot
from duologue.model.geometry import ModelGeometry
from tests.unit.forward.attention_case import AttentionCase

HEAD_DIMS = (16, 24, 64, 80, 128)
LAST_POSITION = 90
ERROR = 1e-5
"""Of a result, by the size of what it is a sum of."""


def random_case(random: Random) -> tuple[AttentionCase, HeadShape]:
    """A few slots of few blocks, some of which have blocks of another slot in their tables."""
    heads = HeadShape(random.randint(1, 2), random.choice((1, 2, 3, 5)), random.choice(HEAD_DIMS))
    hidden = heads.heads * heads.dim
    geometry = ModelGeometry(1, heads.heads, heads.kv_heads, heads.dim, hidden, 10, LAST_POSITION)
    pool = BlockPool(geometry, num_blocks=16, device=torch.device("cpu"), dtype=torch.float32)
    generator = torch.Generator().manual_seed(random.randrange(1000))
    for tensor in (pool.keys[0], pool.values[0]):
        tensor.copy_(torch.randn(tensor.shape, generator=generator))
    blocks = random.sample(range(16), 16)
    works = [random_work(random, blocks) for _ in range(random.randint(1, 3))]
    num_rows = sum(work.num_rows for work in works)
    size = random.choice((0.1, 1.0, 3.0)) * heads.dim**-0.5
    queries = torch.randn(num_rows, heads.heads, heads.dim, generator=generator) * size
    window = random.choice((None, None, 1, 30))
    return AttentionCase(pool, works, queries, window), heads


def random_work(random: Random, blocks: list[int]) -> SlotWork:
    slot = Slot()
    slot.extend(random.randint(1, 4))
    for entry in range(slot.num_entries):
        # Not taken from the list: another slot may have it too, with labels of its own.
        slot.put(entry, random.choice(blocks))
    owners = random.choice(([0], [1, 2], [0, 1, 2, 3], [0, 0, 0, 1, 2]))
    for cell in range(len(slot.owners)):
        slot.owners[cell] = random.choice([-1, *owners])
        slot.positions[cell] = random.randint(0, LAST_POSITION)
    num_rows = random.choice((1, 1, 2, 3, 18))
    work = SlotWork(
        slot,
        tokens=[0] * num_rows,
        channels=[random.choice((Channel.INPUT, Channel.OUTPUT)) for _ in range(num_rows)],
        positions=[random.randint(0, LAST_POSITION) for _ in range(num_rows)],
        cells=random.sample(range(len(slot.owners)), num_rows),
    )
    work.label_cells()
    return work


def attended(case: AttentionCase, heads: HeadShape, num_rows: int, num_parts: int) -> Tensor:
    """With so many rows, of which some only fill up."""
    rows_plan = RowsPlan(case.works, heads, case.window)
    rows = RowTensors.of(torch.from_numpy(rows_plan.numbers(num_rows)), num_rows)
    queries = torch.full((num_rows, heads.heads, heads.dim), torch.nan)
    queries[: case.num_rows] = case.queries * heads.dim**0.5
    num_items = num_rows if num_rows > case.num_rows else rows_plan.num_items
    shape = AttentionShape(num_items, rows_plan.tile, num_parts)
    keys, values = case.pool.keys[0], case.pool.values[0]
    found = attend(queries, keys, values, rows.cells, rows.items, rows.whole, heads, shape)
    assert not found[case.num_rows :].any()
    return found[: case.num_rows]


@settings(max_examples=30)
@given(st.randoms(use_true_random=False), st.sampled_from((1, 1, 2, 8)), st.integers(0, 3))
def test_rows_see_what_they_may_and_nothing_else(
    random: Random, num_parts: int, num_idle_rows: int
) -> None:
    case, heads = random_case(random)
    truth, sizes = case.exact()
    found = attended(case, heads, case.num_rows + num_idle_rows, num_parts)
    assert ((found - truth).abs() <= ERROR * sizes.clamp(min=0.1)).all()


@settings(max_examples=20)
@given(st.randoms(use_true_random=False), st.integers(1, 200))
def test_what_goes_up_does_not_depend_on_the_pieces(random: Random, piece_cells: int) -> None:
    case, heads = random_case(random)
    whole = RowsPlan(case.works, heads, case.window).numbers(case.num_rows)
    with patch.object(plan, "PIECE_CELLS", piece_cells):
        pieces = RowsPlan(case.works, heads, case.window).numbers(case.num_rows)
    assert pieces.tolist() == whole.tolist()


def test_both_channels_of_a_session_are_of_one_item() -> None:
    slot = Slot()
    slot.extend(2)
    channels = [Channel.OUTPUT, Channel.INPUT]
    work = SlotWork(slot, [0, 0], [int(channel) for channel in channels], [5, 5], [4, 9])
    for group in (1, 3, 4, 8, 16):
        assert RowsPlan([work], HeadShape(2, group, 64), None).num_items == 1


def test_a_block_that_two_sessions_have_is_seen_by_the_labels_of_each() -> None:
    """One has it as its trunk, to the other nothing of it belongs."""
    heads = HeadShape(1, 1, 16)
    geometry = ModelGeometry(1, 1, 1, 16, 16, 10, 99)
    pool = BlockPool(geometry, num_blocks=3, device=torch.device("cpu"), dtype=torch.float32)
    pool.values[0][0] = 7.0
    works = []
    for own_block, is_trunk in ((1, True), (2, False)):
        slot = Slot()
        slot.extend(2)
        slot.put(0, 0)
        slot.put(1, own_block)
        if is_trunk:
            slot.owners[:CELLS_PER_BLOCK] = Channel.TRUNK
        works.append(SlotWork(slot, [0], [int(Channel.OUTPUT)], [40], [CELLS_PER_BLOCK]))
        works[-1].label_cells()
    case = AttentionCase(pool, works, torch.zeros(2, 1, 16), None)
    found = attended(case, heads, 2, 1)
    share = CELLS_PER_BLOCK / (CELLS_PER_BLOCK + 1)
    np.testing.assert_allclose(found[:, 0, 0], [7.0 * share, 0.0], rtol=1e-6)
