"""What is left out when ticks are late, and given back."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from duologue.batching.load_plan import (
    CALM_TICKS,
    LATE_TICKS,
    PROVEN_TICKS,
    SWAMPED_TICKS,
    LoadPlan,
    next_plan,
)
from duologue.batching.tick_account import Pressure
from duologue.cluster_status import Shedding
from duologue.lane.slices import Slice

LEVELS = list(Shedding)
CALM = Pressure(100.0, 0, CALM_TICKS, 0, CALM_TICKS, 20.0, 4, 0)
LATE = replace(CALM, num_late=LATE_TICKS, num_calm=0)
SWAMPED = replace(LATE, num_swamped=SWAMPED_TICKS, num_clear=0)


def told(plan: LoadPlan) -> tuple[Shedding, int | None]:
    return plan.shedding, plan.max_reply_tokens


def test_more_and_more_is_left_out_while_ticks_are_late() -> None:
    pressure = replace(SWAMPED, forward_ms=30.0)
    plan, plans = LoadPlan(), []
    for tick in range(5):
        plan = next_plan(plan, pressure, tick)
        plans.append((*told(plan), plan.since_tick))
    assert plans == [
        (Shedding.LOOK_AHEAD, None, 0),
        (Shedding.REPLY_TOKENS, 1, 1),
        (Shedding.ADMISSION, 1, 2),
        (Shedding.ADMISSION, 1, 2),
        (Shedding.ADMISSION, 1, 2),
    ]


def test_new_sessions_are_refused_only_for_many_swamped_ticks() -> None:
    plan = LoadPlan(Shedding.REPLY_TOKENS, 1)
    assert next_plan(plan, replace(LATE, num_late=8), 9) is plan
    assert next_plan(plan, replace(SWAMPED, num_swamped=SWAMPED_TICKS - 1), 9) is plan
    assert not next_plan(plan, SWAMPED, 9).admits


def test_new_sessions_are_taken_again_when_no_tick_was_swamped_though_some_were_late() -> None:
    plan = LoadPlan(Shedding.ADMISSION, 1)
    assert next_plan(plan, replace(LATE, num_clear=CALM_TICKS - 1), 9) is plan
    assert told(next_plan(plan, LATE, 9)) == (Shedding.REPLY_TOKENS, 1)


def test_one_reply_token_is_left_whatever_the_forwards_take() -> None:
    for plan in (LoadPlan(Shedding.LOOK_AHEAD), LoadPlan(Shedding.REPLY_TOKENS, 3)):
        for forward_ms in (0.0, 1.0, 500.0):
            changed = next_plan(plan, replace(LATE, forward_ms=forward_ms), 5)
            assert told(changed) == (Shedding.REPLY_TOKENS, 1)


def test_a_calm_while_gives_back_what_was_left_out_one_after_the_other() -> None:
    plan, plans = LoadPlan(Shedding.ADMISSION, 1), []
    for tick in range(7):
        plan = next_plan(plan, replace(CALM, forward_ms=15.0), tick)
        plans.append(told(plan))
    assert plans == [
        (Shedding.REPLY_TOKENS, 1),
        (Shedding.REPLY_TOKENS, 2),
        (Shedding.REPLY_TOKENS, 3),
        (Shedding.LOOK_AHEAD, None),
        (Shedding.NONE, None),
        (Shedding.NONE, None),
        (Shedding.NONE, None),
    ]


def test_nothing_is_given_back_that_would_not_fit() -> None:
    plan = LoadPlan(Shedding.REPLY_TOKENS, 2)
    assert next_plan(plan, replace(CALM, forward_ms=30.0), 9) is plan  # 3 × 30 > 80
    assert told(next_plan(plan, replace(CALM, forward_ms=25.0), 9)) == (Shedding.REPLY_TOKENS, 3)
    ahead = LoadPlan(Shedding.LOOK_AHEAD)
    deep = replace(CALM, forward_ms=15.0, wanted_look_ahead_tokens=5)
    assert next_plan(ahead, deep, 9) is ahead  # 6 × 15 > 80
    shallow = replace(deep, wanted_look_ahead_tokens=4)
    assert next_plan(ahead, shallow, 9).shedding is Shedding.NONE


def test_a_single_late_tick_and_a_short_calm_change_nothing() -> None:
    calm_but_short = replace(CALM, num_calm=CALM_TICKS - 1, num_clear=CALM_TICKS - 1)
    for plan in (LoadPlan(), LoadPlan(Shedding.REPLY_TOKENS, 2), LoadPlan(Shedding.ADMISSION, 1)):
        assert next_plan(plan, replace(SWAMPED, num_late=LATE_TICKS - 1), 9) is plan
        assert next_plan(plan, calm_but_short, 9) is plan


def test_slices_are_trimmed_to_what_the_plan_allows() -> None:
    asked = Slice("s", 1, 7, reply_tokens=4, look_ahead_tokens=3)
    assert LoadPlan().trimmed(asked) is asked
    assert LoadPlan(Shedding.LOOK_AHEAD).trimmed(asked) == replace(asked, look_ahead_tokens=0)
    trimmed = LoadPlan(Shedding.REPLY_TOKENS, 2).trimmed(asked)
    assert trimmed == replace(asked, look_ahead_tokens=0, reply_tokens=2)
    silent = replace(asked, reply_tokens=0, look_ahead_tokens=0)
    assert LoadPlan(Shedding.ADMISSION, 1).trimmed(silent) == silent
    assert not LoadPlan(Shedding.ADMISSION, 1).admits
    assert LoadPlan(Shedding.REPLY_TOKENS, 1).admits


def test_what_was_given_back_too_early_is_given_back_later_the_next_time() -> None:
    plan, waits = LoadPlan(Shedding.REPLY_TOKENS, 1), []
    tick = 0
    for _ in range(8):
        waits.append(plan.calm_ticks)
        tick += plan.calm_ticks
        assert next_plan(plan, replace(CALM, num_calm=plan.calm_ticks - 1), tick) is plan
        plan = next_plan(plan, replace(CALM, num_calm=plan.calm_ticks), tick)
        assert (plan.max_reply_tokens, plan.is_trial) == (2, True)
        tick += 10
        plan = next_plan(plan, LATE, tick)
        assert (plan.max_reply_tokens, plan.is_trial) == (1, False)
    assert waits == [25, 50, 100, 200, 400, 800, 800, 800]


def test_what_was_given_back_for_long_was_not_given_back_too_early() -> None:
    plan = LoadPlan(Shedding.REPLY_TOKENS, 2, since_tick=100, calm_ticks=400, is_trial=True)
    assert next_plan(plan, LATE, 100 + PROVEN_TICKS - 1).calm_ticks == 800
    assert next_plan(plan, LATE, 100 + PROVEN_TICKS).calm_ticks == CALM_TICKS


pressures = st.builds(
    Pressure,
    period_ms=st.floats(10, 1000),
    num_late=st.integers(0, 8),
    num_calm=st.integers(0, 64),
    num_swamped=st.integers(0, 8),
    num_clear=st.integers(0, 64),
    forward_ms=st.floats(0, 2000),
    wanted_reply_tokens=st.integers(0, 64),
    wanted_look_ahead_tokens=st.integers(0, 64),
)


@given(st.lists(pressures, max_size=30))
def test_plans_move_by_one_level_and_never_the_wrong_way(course: list[Pressure]) -> None:
    plan = LoadPlan()
    for tick, pressure in enumerate(course):
        before, plan = plan, next_plan(plan, pressure, tick)
        moved = LEVELS.index(plan.shedding) - LEVELS.index(before.shedding)
        fewer = (before.max_reply_tokens or 99) - (plan.max_reply_tokens or 99)
        assert abs(moved) <= 1
        num_calm = pressure.num_calm if before.admits else pressure.num_clear
        if before.admits and pressure.num_late >= LATE_TICKS:
            assert moved >= 0
            assert fewer >= 0
            assert plan != before or before.max_reply_tokens == 1
        elif num_calm >= before.calm_ticks:
            assert moved <= 0
            assert fewer <= 0
        else:
            assert plan is before
        assert plan is before or plan.since_tick == tick


@given(st.lists(pressures, max_size=12))
def test_a_reply_always_goes_on_and_no_slice_gets_more_than_it_asked_for(
    course: list[Pressure],
) -> None:
    plan = LoadPlan()
    for tick, pressure in enumerate(course):
        plan = next_plan(plan, pressure, tick)
        trimmed = plan.trimmed(Slice("s", 1, tick, reply_tokens=4, look_ahead_tokens=2))
        assert 1 <= trimmed.reply_tokens <= 4
        assert 0 <= trimmed.look_ahead_tokens <= 2
