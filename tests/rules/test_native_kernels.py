"""Rules 1, 2 and 3 with kernels in C, in float32 so that they can be held to the plain model."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.engine.seat import Seat
from duologue.forward.kernels.native_kernels import NativeKernels
from duologue.forward.native.variants import LibraryVariant, runnable_variants
from tests.native import native_kernels, needs_native
from tests.rules.checks import check_channels, check_company, check_losses
from tests.rules.profile import BUSY_SEEDS, many
from tests.rules.schedules import LISTENING, STRATEGIES, Schedule, random_schedule
from tests.rules.worlds import NATIVE_FAMILIES, World, native_world

pytestmark = needs_native

CHECKS = [check_channels, check_company, check_losses]


def random_world(random: Random, kernels: NativeKernels, is_adapted: bool = False) -> World:
    return native_world(random.choice(tuple(NATIVE_FAMILIES)), kernels, is_adapted)


@many(20)
@given(st.randoms(use_true_random=False))
def test_each_channel_is_computed_as_if_alone_behind_the_trunk(random: Random) -> None:
    check_channels(random_schedule(random), random_world(random, native_kernels()), random)


@many(10)
@given(st.randoms(use_true_random=False))
def test_sessions_are_the_same_alone_and_among_others(random: Random) -> None:
    world = random_world(random, native_kernels())
    check_company(random_schedule(random, sampled=None), world, random)


@pytest.mark.parametrize("seed", BUSY_SEEDS[:5])
@pytest.mark.parametrize("is_adapted", [False, True])
@pytest.mark.parametrize("check", CHECKS)
def test_busy_schedules(check: Callable[..., None], is_adapted: bool, seed: int) -> None:
    random = Random(seed)
    schedule = random_schedule(random, max_sessions=6)
    check(schedule, random_world(random, native_kernels(), is_adapted), random)


@pytest.mark.parametrize("seed", BUSY_SEEDS[:4])
@pytest.mark.parametrize("variant", runnable_variants()[1:], ids=lambda variant: variant.name)
def test_variants_for_older_processors(variant: LibraryVariant, seed: int) -> None:
    random = Random(seed)
    schedule = random_schedule(random, max_sessions=6)
    world = random_world(random, native_kernels(variant), is_adapted=True)
    check_channels(schedule, world, random)


@pytest.mark.parametrize("seed", BUSY_SEEDS[:5])
@pytest.mark.parametrize("is_adapted", [False, True])
@pytest.mark.parametrize("check", CHECKS)
def test_weights_of_8_bits(check: Callable[..., None], is_adapted: bool, seed: int) -> None:
    """Held to the plain model with the weights that they stand for."""
    random = Random(seed)
    schedule = random_schedule(random, max_sessions=6)
    check(schedule, random_world(random, native_kernels(is_int8=True), is_adapted), random)


def leaving(schedule: Schedule) -> Schedule:
    """The same with states read of the first layer: rows that listen need not go on behind it."""
    return replace(schedule, layers=(0,))


@pytest.mark.parametrize("seed", BUSY_SEEDS[:6])
@pytest.mark.parametrize("strategies", [STRATEGIES, LISTENING])
@pytest.mark.parametrize("check", CHECKS)
def test_rows_that_listen_leave_early(
    check: Callable[..., None], strategies: tuple[str, ...], seed: int
) -> None:
    random = Random(seed)
    schedule = leaving(random_schedule(random, strategies=strategies, max_sessions=6))
    check(schedule, random_world(random, native_kernels(), is_adapted=True), random)


def check_shedding(seed: int, strategies: tuple[str, ...] = STRATEGIES) -> None:
    """Sessions look ahead in every second tick only, as when there is too much to do."""
    random = Random(seed)
    schedule = leaving(random_schedule(random, strategies=strategies, max_sessions=6))
    plans = tuple(replace(plan, sheds_look_ahead=True) for plan in schedule.plans)
    world = random_world(random, native_kernels(), is_adapted=True)
    check_channels(replace(schedule, plans=plans), world, random)


@pytest.mark.parametrize("strategies", [STRATEGIES, ("listen",)])
def test_look_ahead_sees_all_that_was_heard(strategies: tuple[str, ...]) -> None:
    for seed in BUSY_SEEDS:
        check_shedding(seed, strategies)


@pytest.mark.parametrize("strategies", [STRATEGIES, ("listen",)])
def test_look_ahead_behind_rows_that_have_left_is_found(
    strategies: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Seat, "give_up_low_cells", lambda _: None)
    found = set()
    for seed in BUSY_SEEDS:
        try:
            check_shedding(seed, strategies)
        except AssertionError as error:
            found.add("relative error" in str(error))
    assert found == {True}
