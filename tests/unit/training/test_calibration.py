"""From which probability on a query is sure, by the turns that reach it too early."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from duologue.training.calibration import TriggerLimits, sure_above


def test_hardly_any_turn_reaches_what_is_sure_before_its_end() -> None:
    beginnings = torch.tensor([0.1, 0.97, 0.2, 0.5, 0.9, 0.3])
    turns = [0, 0, 1, 1, 2, 3]
    limit = TriggerLimits(shown_early=0.25)
    assert sure_above(beginnings, turns, limit) == pytest.approx(0.901, abs=2e-3)
    assert sure_above(beginnings, turns, TriggerLimits(shown_early=0.01)) == pytest.approx(
        0.971, abs=2e-3
    )


def test_without_beginnings_nobody_knows() -> None:
    assert sure_above(torch.empty(0), [], TriggerLimits()) is None


@given(
    st.lists(st.tuples(st.integers(0, 20), st.floats(0, 1, width=32)), min_size=1, max_size=80),
    st.floats(0.01, 0.5),
)
def test_the_share_of_turns_is_kept(rows: list[tuple[int, float]], share: float) -> None:
    turns, values = [turn for turn, _ in rows], [value for _, value in rows]
    sure = sure_above(torch.tensor(values), turns, TriggerLimits(shown_early=share))
    assert sure is not None
    reached = {turn for turn, value in rows if value >= sure and sure < 1.0}
    assert len(reached) <= share * len(set(turns))
