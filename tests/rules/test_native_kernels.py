"""Rules 1, 2 and 3 with kernels in C, in float32 so that they can be held to the plain model."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.forward.kernels.native_kernels import NativeKernels
from duologue.forward.native.variants import LibraryVariant, runnable_variants
from tests.native import native_kernels, needs_native
from tests.rules.checks import check_channels, check_company, check_losses
from tests.rules.profile import BUSY_SEEDS, many
from tests.rules.schedules import random_schedule
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
