"""Capacity classes hold what they are asked for, and not much more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.kv.capacity import SPARE_CELLS, capacity_for


def test_the_first_classes() -> None:
    sizes = [0]
    while len(sizes) < 8:
        sizes.append(capacity_for(sizes[-1] + 1))
    assert sizes[1:] == [192, 256, 320, 448, 576, 832, 1088]


@given(st.integers(0, 100_000))
def test_a_class_holds_the_cells_with_little_to_spare(cells: int) -> None:
    capacity = capacity_for(cells)
    assert cells <= capacity <= max(1.5 * cells, 128) + SPARE_CELLS
    assert capacity_for(capacity) == capacity


@pytest.mark.parametrize("context", [256, 512, 1024, 2048])
def test_a_round_context_has_room_for_what_is_being_said(context: int) -> None:
    assert capacity_for(context + 1) == context + SPARE_CELLS
