"""What became of the ticks lately."""

import pytest

from duologue.batching.tick_account import WINDOW_FORWARDS, WINDOW_TICKS, Pressure, TickAccount
from duologue.clock import TickClock

PERIOD_MS = 100.0


def account() -> TickAccount:
    return TickAccount(TickClock(0.0, PERIOD_MS))


def test_a_slice_is_due_one_period_after_it_came_in_wherever_in_a_tick_that_was() -> None:
    kept = account()
    for taken_ms in (0.0, 50.0, 99.0):
        kept.slice_taken(taken_ms, 4, 0)
    assert kept.slice_done(0.0, 100.0)
    assert kept.slice_done(50.0, 150.0)
    assert not kept.slice_done(99.0, 199.5)
    (record,) = kept.settle(200.0)
    assert (record.num_slices, record.num_misses, record.longest_ms) == (3, 1, 100.5)
    assert record.is_late
    assert (kept.num_ticks, kept.num_late_ticks) == (1, 1)


def test_a_tick_is_told_of_once_when_it_is_over_and_all_its_slices_are_done() -> None:
    kept = account()
    kept.slice_taken(10.0, 4, 0)
    kept.slice_taken(110.0, 4, 0)
    kept.slice_done(110.0, 150.0)
    assert kept.settle(210.0) == []  # tick 0 hangs, and goes first
    kept.slice_done(10.0, 215.0)
    assert [record.tick for record in kept.settle(216.0)] == [0, 1]
    assert kept.settle(300.0) == []


def test_a_slice_that_nobody_waits_for_any_more_holds_nothing_up() -> None:
    kept = account()
    kept.slice_taken(10.0, 4, 0)
    kept.slice_taken(20.0, 4, 0)
    kept.slice_done(20.0, 30.0)
    kept.slice_dropped(10.0)
    assert [record.num_slices for record in kept.settle(100.0)] == [1]


def test_forwards_count_for_the_tick_in_which_they_began() -> None:
    kept = account()
    kept.slice_taken(0.0, 4, 0)
    kept.forward_done(90.0, 30.0, 12)
    kept.forward_done(120.0, 20.0, 5)
    kept.slice_done(0.0, 140.0)
    (record,) = kept.settle(200.0)
    assert (record.num_forwards, record.num_rows, record.forward_ms) == (1, 12, 30.0)


def test_recent_ticks_are_summed_up_for_who_looks() -> None:
    kept = account()
    assert (kept.mean_tick_ms, kept.longest_tick_ms, kept.rows_per_forward) == (0.0, 0.0, 0.0)
    for tick, (took_ms, num_rows) in enumerate(((40.0, 4), (80.0, 8), (60.0, 0))):
        at_ms = tick * PERIOD_MS
        kept.slice_taken(at_ms, 4, 0)
        if num_rows:
            kept.forward_done(at_ms, took_ms, num_rows)
        kept.slice_done(at_ms, at_ms + took_ms)
    assert (kept.mean_tick_ms, kept.longest_tick_ms, kept.rows_per_forward) == (60.0, 80.0, 6.0)
    kept.settle((WINDOW_TICKS + 5) * PERIOD_MS)
    assert (kept.mean_tick_ms, kept.longest_tick_ms, kept.rows_per_forward) == (0.0, 0.0, 0.0)


def test_nothing_is_kept_for_ever() -> None:
    kept = account()
    for tick in range(1000):
        at_ms = tick * PERIOD_MS
        kept.slice_taken(at_ms, 4, 0)
        kept.slice_done(at_ms, at_ms + (150 if tick == 3 else 50))
        kept.settle(at_ms + PERIOD_MS)
    assert len(kept.records) <= WINDOW_TICKS
    assert (kept.num_ticks, kept.num_late_ticks, kept.late_share) == (1000, 1, 0.0)


def test_pressure_looks_only_at_what_the_present_plan_did() -> None:
    kept = account()
    for tick in range(10):
        kept.slice_taken(tick * PERIOD_MS, 4, 2)
        kept.slice_done(tick * PERIOD_MS, tick * PERIOD_MS + (150 if tick < 5 else 50))
    now_ms = 10 * PERIOD_MS

    def told(since_tick: int, recent_ticks: int = 8) -> Pressure:
        return kept.pressure(now_ms, since_tick=since_tick, recent_ticks=recent_ticks)

    assert told(0).num_late == 3  # seen in ticks 3, 4 and 5
    assert told(4).num_late == 1  # that of tick 4, seen in tick 5
    assert told(5).num_late == 0
    assert told(0, recent_ticks=5).num_late == 0
    assert told(0).num_calm == 4
    assert told(8).num_calm == 2
    assert (told(0).wanted_reply_tokens, told(0).wanted_look_ahead_tokens) == (4, 2)


def test_a_slice_that_hangs_is_seen_in_every_tick_of_it() -> None:
    kept = account()
    kept.slice_taken(0.0, 4, 0)
    for tick in range(2, 12):
        kept.slice_overdue(0.0, tick * PERIOD_MS)
    now_ms = 11 * PERIOD_MS
    assert kept.pressure(now_ms, since_tick=0, recent_ticks=8).num_late == 8
    assert kept.pressure(now_ms, since_tick=1, recent_ticks=8).num_late == 0
    assert kept.pressure(now_ms, since_tick=0, recent_ticks=8).num_calm == 0


def test_a_tick_is_swamped_when_half_of_its_slices_are_overdue() -> None:
    kept = account()
    for tick, num_late in enumerate((0, 1, 2, 3, 0, 0)):
        at_ms = tick * PERIOD_MS
        for number in range(4):
            kept.slice_taken(at_ms, 4, 0)
            kept.slice_done(at_ms, at_ms + (150 if number < num_late else 50))
    now_ms = 6 * PERIOD_MS

    def told(since_tick: int, recent_ticks: int = 8) -> tuple[int, float]:
        pressure = kept.pressure(now_ms, since_tick=since_tick, recent_ticks=recent_ticks)
        return pressure.num_swamped, pressure.num_clear

    assert told(0) == (2, 1)  # ticks 2 and 3; of tick 5 not all slices are due
    assert told(3) == (1, 1)
    assert told(4) == (0, 1)
    assert told(0, recent_ticks=2) == (1, 1)


def test_slices_that_hang_swamp_their_tick() -> None:
    kept = account()
    for _ in range(3):
        kept.slice_taken(0.0, 4, 0)
    kept.slice_done(0.0, 50.0)
    early = kept.pressure(1.5 * PERIOD_MS, since_tick=0, recent_ticks=8)
    assert (early.num_swamped, early.num_clear) == (0, 0)
    late = kept.pressure(3.5 * PERIOD_MS, since_tick=0, recent_ticks=8)
    assert (late.num_swamped, late.num_clear) == (1, 1)


def test_ticks_without_slices_are_calm() -> None:
    kept = account()
    kept.slice_taken(0.0, 4, 0)
    kept.slice_done(0.0, 150.0)
    assert kept.pressure(30 * PERIOD_MS, since_tick=0, recent_ticks=8).num_calm == 28


def test_what_is_planned_with_is_the_average_of_recent_forwards() -> None:
    kept = account()
    assert kept.pressure(0.0, since_tick=0, recent_ticks=8).forward_ms == 0
    for ms in (500.0, *[20.0, 40.0] * (WINDOW_FORWARDS // 2)):
        kept.forward_done(0.0, ms, 1)
    assert kept.pressure(0.0, since_tick=0, recent_ticks=8).forward_ms == 30.0


@pytest.mark.parametrize(("share", "tokens"), [(0.9, 4), (0.75, 3), (0.1, 0)])
def test_tokens_fit_by_the_measured_forwards(share: float, tokens: int) -> None:
    kept = account()
    kept.forward_done(0.0, 22.0, 1)
    assert kept.pressure(0.0, since_tick=0, recent_ticks=8).fitting_tokens(share) == tokens
