"""Clocks and ticks."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.clock import Clock, ManualClock, MonotonicClock, TickClock

times_ms = st.floats(min_value=-1e9, max_value=1e9)
periods_ms = st.floats(min_value=1.0, max_value=10_000.0)


def test_manual_clock_moves_only_when_moved() -> None:
    clock: Clock = ManualClock(start_ms=5.0)
    assert clock.now_ms() == clock.now_ms() == 5.0
    assert isinstance(clock, ManualClock)
    clock.advance(2.5)
    assert clock.now_ms() == 7.5


@pytest.mark.parametrize("step_ms", [-0.1, math.nan])
def test_manual_clock_never_goes_back(step_ms: float) -> None:
    with pytest.raises(ValueError, match="cannot go"):
        ManualClock().advance(step_ms)


def test_monotonic_clock_never_goes_back() -> None:
    clock: Clock = MonotonicClock()
    times = [clock.now_ms() for _ in range(100)]
    assert times == sorted(times)


def test_ticks_of_a_round_example() -> None:
    ticks = TickClock(epoch_ms=1000.0, period_ms=160.0)
    assert [ticks.tick_at(ms) for ms in (840.0, 999.9, 1000.0, 1159.9, 1160.0)] == [-1, -1, 0, 0, 1]
    assert ticks.start_of(3) == 1480.0
    assert ticks.until_next(1470.0) == 10.0
    assert ticks.until_next(1480.0) == 160.0


@given(epoch_ms=times_ms, period_ms=periods_ms, ms=times_ms)
def test_a_time_lies_in_its_tick(epoch_ms: float, period_ms: float, ms: float) -> None:
    ticks = TickClock(epoch_ms, period_ms)
    tick = ticks.tick_at(ms)
    assert ticks.start_of(tick) <= ms < ticks.start_of(tick + 1)
    assert ticks.until_next(ms) > 0


@given(epoch_ms=times_ms, period_ms=periods_ms, tick=st.integers(-10_000, 10_000))
def test_a_tick_owns_its_start(epoch_ms: float, period_ms: float, tick: int) -> None:
    ticks = TickClock(epoch_ms, period_ms)
    assert ticks.tick_at(ticks.start_of(tick)) == tick


@pytest.mark.parametrize("period_ms", [0.0, -160.0, math.nan])
def test_a_beat_needs_a_period(period_ms: float) -> None:
    with pytest.raises(ValueError, match="above 0 ms"):
        TickClock(0.0, period_ms)
