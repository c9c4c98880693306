"""Rules 1, 2 and 3 over random schedules, in float32 on tiny models.

The schedules are random in everything: how prefill is cut up, edits and revisions, both promotions,
what was heard, cancelled and reopened replies, short contexts, sampling, all strategies, sessions
that come and go. Memory is checked after every forward of each.
"""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.checks import check_channels, check_company, check_losses
from tests.rules.profile import BUSY_SEEDS, many
from tests.rules.schedules import random_schedule
from tests.rules.worlds import random_world


@many(60)
@given(st.randoms(use_true_random=False))
def test_each_channel_is_computed_as_if_alone_behind_the_trunk(random: Random) -> None:
    check_channels(random_schedule(random), random_world(random), random)


@many(25)
@given(st.randoms(use_true_random=False))
def test_greedy_sessions_are_the_same_alone_and_among_others(random: Random) -> None:
    check_company(random_schedule(random, sampled=False), random_world(random), random)


@many(15)
@given(st.randoms(use_true_random=False))
def test_sampled_sessions_are_the_same_alone_and_among_others(random: Random) -> None:
    check_company(random_schedule(random, sampled=True), random_world(random), random)


@many(40)
@given(st.randoms(use_true_random=False))
def test_conversation_survives_the_loss_of_its_cells(random: Random) -> None:
    check_losses(random_schedule(random), random_world(random), random)


@pytest.mark.parametrize("seed", BUSY_SEEDS)
@pytest.mark.parametrize("check", [check_channels, check_company, check_losses])
def test_busy_schedules(check: Callable[..., None], seed: int) -> None:
    """Hypothesis likes its examples small. These are as large as they come."""
    random = Random(seed)
    check(random_schedule(random, max_sessions=6), random_world(random), random)
