"""Waits grow, are spread by chance, and end at the limit."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.client.patience import Outage, Patience
from duologue.clock import ManualClock


def outage(clock: ManualClock, **settings: float) -> Outage:
    return Outage(Patience(**settings), clock, Random(1))


@given(st.integers(1, 10_000), st.integers(0, 2**32))
def test_every_wait_is_between_half_and_the_whole_of_what_grows(failures: int, seed: int) -> None:
    patience = Patience(first_ms=100, factor=2, max_ms=3_000)
    longest_ms = min(3_000, 100 * 2 ** min(failures - 1, 64))
    assert longest_ms / 2 <= patience.wait_ms(failures, Random(seed)) <= longest_ms


def test_the_same_seed_gives_the_same_waits_and_another_seed_others() -> None:
    first, again, other = (
        [Patience().wait_ms(n, random) for n in range(1, 8)]
        for random in (Random(7), Random(7), Random(8))
    )
    assert first == again != other


def test_an_outage_lasts_from_its_first_failure_and_one_attempt_is_made_at_the_limit() -> None:
    clock = ManualClock(5_000)
    broken = outage(clock, first_ms=400, factor=10, max_ms=10_000)
    waits = []
    while (wait_ms := broken.next_wait_ms(1_000)) is not None:
        waits.append(wait_ms)
        clock.advance(wait_ms)
    assert broken.lasts_ms == pytest.approx(1_000)
    assert sum(waits) == pytest.approx(1_000)
    assert broken.failures == len(waits) + 1


def test_the_platforms_wish_is_followed_within_the_limit() -> None:
    assert outage(ManualClock()).next_wait_ms(60_000, at_least_ms=7_000) == 7_000
    assert outage(ManualClock()).next_wait_ms(5_000, at_least_ms=7_000) == 5_000


def test_after_an_outage_the_next_one_begins_anew() -> None:
    clock = ManualClock()
    broken = outage(clock, first_ms=100)
    broken.next_wait_ms(1_000)
    clock.advance(900)
    broken.is_over()
    assert broken.lasts_ms == 0
    clock.advance(5_000)
    assert broken.next_wait_ms(1_000) is not None


@pytest.mark.parametrize(
    "wrong", [{"first_ms": 0}, {"first_ms": 9_000}, {"factor": 0.5}, {"resume_within_ms": -1}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Patience(**wrong)
