"""How many batching actors are wanted."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from duologue.hosting.scaling import MAX_LATE_SHARE, BatcherDemand, wanted_batchers

SHARES = st.floats(0, 1)
DEMANDS = st.lists(st.builds(BatcherDemand, SHARES, SHARES, SHARES, SHARES), min_size=1, max_size=6)


def idle(**changes: float) -> BatcherDemand:
    return replace(BatcherDemand(0.0, 0.0, tick_slack=1.0, late_tick_share=0.0), **changes)


def wanted(*demands: BatcherDemand) -> int:
    return wanted_batchers(demands, present=len(demands))


def test_each_measure_alone_asks_for_more() -> None:
    assert wanted(idle(seats_share=1.0)) == 2
    assert wanted(idle(cells_share=0.95)) == 2
    assert wanted(idle(tick_slack=0.1)) == 2
    assert wanted(idle(late_tick_share=0.2)) == 2


def test_a_load_that_fits_into_fewer_asks_for_fewer() -> None:
    assert wanted(idle(seats_share=0.3), idle(seats_share=0.3)) == 1
    assert wanted(idle(), idle(), idle()) == 1


def test_a_number_that_is_about_right_stays() -> None:
    assert wanted(idle(seats_share=0.75), idle(seats_share=0.78)) == 2
    assert wanted(idle(seats_share=0.72), idle(seats_share=0.70)) == 2


def test_without_word_from_each_nothing_changes() -> None:
    assert wanted_batchers([], present=3) == 3
    assert wanted_batchers([idle(seats_share=1.0)], present=2) == 2


@given(DEMANDS)
def test_all_of_them_together_would_be_no_fuller_than_wanted(demands: list[BatcherDemand]) -> None:
    """Or there are no fewer than now; and late ticks never end in fewer."""
    found = wanted(*demands)
    fullness = sum(demand.fullness for demand in demands)
    assert found >= 1
    assert fullness / found <= 1.1 + 1e-9
    late = sum(demand.late_tick_share for demand in demands) / len(demands)
    assert late <= MAX_LATE_SHARE or found > len(demands)
