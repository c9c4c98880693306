"""What a forward costs, as it is told by those that were measured."""

import pytest

from duologue.batching.forward_cost import SURPRISE, ForwardCost


def measured(*pairs: tuple[int, float]) -> ForwardCost:
    cost = ForwardCost()
    for num_rows, took_ms in pairs:
        cost.measured(num_rows, took_ms)
    return cost


def test_a_line_is_found() -> None:
    cost = measured(*[(rows, 12.0 + 0.9 * rows) for rows in (1, 2, 8, 30)] * 20)
    assert cost.ms(1) == pytest.approx(12.9, rel=0.02)
    assert cost.ms(16) == pytest.approx(26.4, rel=0.02)
    assert cost.rows_within(20.0, 64) == pytest.approx(8, abs=1)
    assert cost.rows_within(1000.0, 64) == 64
    assert cost.rows_within(1.0, 64) == 0


def test_of_forwards_with_the_same_rows_half_is_taken_to_be_theirs() -> None:
    cost = measured(*[(10, 40.0)] * 20)
    assert cost.ms(10) == pytest.approx(40.0)
    assert cost.ms(20) == pytest.approx(60.0)


def test_a_model_that_gets_slower_is_followed() -> None:
    cost = measured(*[(rows, 10.0) for rows in (1, 8)] * 50)
    for rows in (1, 8) * 60:
        cost.measured(rows, 30.0)
    assert cost.ms(4) == pytest.approx(30.0, rel=0.05)


def test_a_forward_that_was_kept_from_its_core_says_little() -> None:
    cost = measured(*[(rows, 10.0) for rows in (1, 8)] * 50)
    cost.measured(1, 5000.0)
    assert cost.ms(1) <= 10.0 * (1 + SURPRISE / 10)


def test_before_anything_was_measured_nothing_costs() -> None:
    assert ForwardCost().ms(1000) == 0.0
    assert ForwardCost().rows_within(0.0, 64) == 64
