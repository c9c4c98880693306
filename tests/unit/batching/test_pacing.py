"""When the next forward begins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.batching.pacing import CROWD_SHARE, ForwardSharers, Pacing
from duologue.clock import TickClock

PERIOD_MS = 100.0
FORWARD_MS = 30.0
CROWD_MS = CROWD_SHARE * PERIOD_MS


def pacing(gather_ms: float = 4.0) -> Pacing:
    return Pacing(TickClock(0.0, PERIOD_MS), gather_ms)


def test_who_is_alone_does_not_wait() -> None:
    assert pacing().wait_ms(ForwardSharers(1), FORWARD_MS, 95.0) == 0


def test_the_first_slice_after_a_pause_waits_for_others() -> None:
    paced = pacing()
    paced.pause_over(41.0)
    assert paced.wait_ms(ForwardSharers(1), FORWARD_MS, 42.0) == 3
    assert paced.wait_ms(ForwardSharers(1), FORWARD_MS, 45.0) == 0


def test_those_who_ask_at_the_start_of_a_tick_are_waited_for_until_all_have_asked() -> None:
    assert pacing().wait_ms(ForwardSharers(1, num_due=2), FORWARD_MS, 203.0) == CROWD_MS - 3
    assert pacing().wait_ms(ForwardSharers(3, num_due=0), FORWARD_MS, 203.0) == 0
    assert pacing().wait_ms(ForwardSharers(1, num_due=2), FORWARD_MS, 200.0 + CROWD_MS) == 0


@pytest.mark.parametrize(
    ("num_under_way", "num_next", "now_ms", "wait_ms"),
    [
        (1, 1, 170.0, 0),  # ends as the tick does
        (1, 1, 184.0, 0),  # one waits 16 ms, or one 14 ms
        (1, 1, 186.0, 14),  # one waits 14 ms, or one 16 ms
        (1, 5, 176.0, 24),  # one waits 24 ms, or five 6 ms
        (5, 1, 194.0, 0),  # five wait 6 ms, or one 24 ms
    ],
)
def test_a_forward_that_runs_into_the_next_tick_waits_if_that_is_less_waiting_for_all(
    num_under_way: int, num_next: int, now_ms: float, wait_ms: float
) -> None:
    sharers = ForwardSharers(num_under_way, num_next=num_next)
    assert pacing().wait_ms(sharers, FORWARD_MS, now_ms) == wait_ms


all_sharers = st.builds(ForwardSharers, st.integers(1, 40), st.integers(0, 40), st.integers(0, 40))
times_ms = st.floats(0, 1e6)


@given(all_sharers, st.floats(0, 500), times_ms)
def test_nobody_waits_longer_than_a_tick(
    sharers: ForwardSharers, forward_ms: float, now_ms: float
) -> None:
    assert 0 <= pacing().wait_ms(sharers, forward_ms, now_ms) <= PERIOD_MS


@given(all_sharers, st.floats(0, 500), times_ms)
def test_without_gathering_nobody_waits(
    sharers: ForwardSharers, forward_ms: float, now_ms: float
) -> None:
    paced = pacing(gather_ms=0)
    paced.pause_over(now_ms)
    assert paced.wait_ms(sharers, forward_ms, now_ms) == 0
