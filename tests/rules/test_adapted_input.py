"""Rules 1, 2 and 3 with an input channel whose rows are adapted, and no others.

Trunk and output are compared with the plain model, the input with one whose weights have the
updates merged into them and which reads behind the plain model's trunk.
"""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.checks import check_channels, check_company, check_losses
from tests.rules.profile import BUSY_SEEDS, many
from tests.rules.schedules import random_schedule
from tests.rules.stage import play
from tests.rules.worlds import adapted_world

CHECKS = [check_channels, check_company, check_losses]


@many(30)
@given(st.randoms(use_true_random=False))
def test_each_channel_is_computed_as_if_alone_behind_the_trunk(random: Random) -> None:
    check_channels(random_schedule(random), adapted_world(random), random)


@many(12)
@given(st.randoms(use_true_random=False))
def test_sessions_are_the_same_alone_and_among_others(random: Random) -> None:
    check_company(random_schedule(random, sampled=False), adapted_world(random), random)


@pytest.mark.parametrize("seed", BUSY_SEEDS[:12])
@pytest.mark.parametrize("check", CHECKS)
def test_busy_schedules(check: Callable[..., None], seed: int) -> None:
    random = Random(seed)
    check(random_schedule(random, max_sessions=6), adapted_world(random), random)


def test_the_updates_matter() -> None:
    """Or else everything above would hold of updates that do nothing."""
    schedule = random_schedule(Random(3), max_sessions=6)
    performance = play(schedule, adapted_world(Random(3)))
    readings = performance.witness.readings
    assert {reading.num_trunk is None for reading in readings} == {True, False}
