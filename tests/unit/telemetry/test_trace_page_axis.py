"""The time axis of a trace's page."""

from hypothesis import given
from hypothesis import strategies as st

from duologue.telemetry.trace_page.axis import AROUND_MS, CUT_PX, PX_PER_S, Axis

MOMENTS = st.lists(st.floats(0, 1e6), min_size=1, max_size=30)


@given(MOMENTS, st.floats(0, 1e6), st.floats(0, 1e6))
def test_what_is_later_is_never_further_left(
    moments: list[float], one: float, other: float
) -> None:
    axis = Axis.over(moments)
    earlier, later = sorted((one, other))
    assert 0 <= axis.x_of(earlier) <= axis.x_of(later) + 1e-6 <= axis.width_px + 1e-5


@given(MOMENTS)
def test_a_moment_of_the_session_is_shown_to_scale(moments: list[float]) -> None:
    axis = Axis.over(moments)
    for moment in moments:
        (here,) = [each for each in axis.stretches if each.start_ms <= moment <= each.end_ms][:1]
        expected = here.left_px + (moment - here.start_ms) * PX_PER_S / 1e3
        assert abs(axis.x_of(moment) - expected) < 1e-6


def test_a_long_silence_is_cut_out() -> None:
    axis = Axis.over([0.0, 1_000.0, 61_000.0])
    ((before, after),) = axis.cuts
    assert (before.end_ms, after.start_ms) == (1_000.0 + AROUND_MS, 61_000.0 - AROUND_MS)
    assert after.left_px - before.right_px == CUT_PX
    assert axis.x_of(31_000.0) == before.right_px + CUT_PX / 2


def test_ticks_are_whole_multiples_within_what_is_shown() -> None:
    axis = Axis.over([250.0, 1_100.0, 61_200.0])
    assert axis.ticks_ms(1_000.0, 250.0) == [250.0, 1_250.0, 61_250.0]
