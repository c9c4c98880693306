"""Low-rank updates as they are laid out for ranks.c: nothing is lost, and zeros are left out."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from duologue.forward.input_lora import LowRank
from duologue.forward.joined_updates import joined_update
from duologue.forward.native.packed_update import (
    BLOCK,
    HALF,
    RANKS_TOGETHER,
    PackedUpdate,
    packed_update,
)

INPUTS = 6


def read_back(packed: PackedUpdate, rank: int) -> tuple[Tensor, Tensor]:
    """Down and up as they were, as far as anything reaches an output."""
    up = torch.zeros(rank, len(packed.reach) * BLOCK)
    for block, reach in enumerate(packed.reach):
        for half in range(2):
            rows = packed.up[reach.start : reach.start + reach.count]
            first, at = reach.first[half], block * BLOCK + half * HALF
            assert first + reach.count <= rank
            up[first : first + reach.count, at : at + HALF] = rows[:, half * HALF :][:, :HALF]
    return packed.down.T[:rank], up


def drawn(rank: int, outputs: int, seed: int) -> LowRank:
    generator = torch.Generator().manual_seed(seed)
    return LowRank(
        torch.randn(rank, INPUTS, generator=generator),
        torch.randn(outputs, rank, generator=generator),
    )


def joined(ranks: Sequence[int], widths: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Of layers one behind the other; without an update where the rank is 0."""
    parts = [
        drawn(rank, width, place) if rank else None
        for place, (rank, width) in enumerate(zip(ranks, widths, strict=True))
    ]
    update = joined_update(parts, widths, -(-sum(widths) // BLOCK) * BLOCK)
    assert update is not None
    return update


@given(
    parts=st.lists(
        st.tuples(st.integers(0, 40), st.integers(1, 5).map(lambda n: n * 16)),
        min_size=1,
        max_size=4,
    ).filter(lambda parts: any(rank for rank, _ in parts))
)
@settings(deadline=None)
def test_nothing_is_lost(parts: list[tuple[int, int]]) -> None:
    down, up = joined(*zip(*parts, strict=True))
    packed = packed_update((down, up))
    found_down, found_up = read_back(packed, down.shape[0])
    assert found_down.equal(down)
    assert found_up.equal(up)
    assert packed.down.shape[1] % RANKS_TOGETHER == 0
    assert not packed.down[:, down.shape[0] :].any()


def test_ranks_of_one_layer_are_left_out_of_the_outputs_of_another() -> None:
    packed = packed_update(joined((32, 32, 32), (128, 64, 64)))
    assert [list(reach.first) for reach in packed.reach] == [[0, 0], [0, 0], [32, 32], [64, 64]]
    assert {reach.count for reach in packed.reach} == {32}


def test_halves_of_a_block_meet_ranks_of_their_own() -> None:
    packed = packed_update(joined((8, 8), (HALF, HALF)))
    assert [(list(reach.first), reach.count) for reach in packed.reach] == [([0, 8], 8)]


@pytest.mark.parametrize("rank", [1, 33])
def test_an_update_of_zeros_reaches_nothing(rank: int) -> None:
    packed = packed_update((torch.randn(rank, INPUTS), torch.zeros(rank, BLOCK)))
    assert [reach.count for reach in packed.reach] == [0]
