"""Rates: a minute's worth at once, and then as much as the rate gives back; nothing more."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from duologue.clock import ManualClock
from duologue.errors import InvalidInput
from duologue.store.keys import rate_key
from duologue.store.scripts import ALLOW
from duologue.store.store import Store
from duologue.store.valkey import EmbeddedValkey


async def test_a_minutes_worth_may_come_at_once_and_the_next_waits(
    store: Store, clock: ManualClock
) -> None:
    assert [await store.allow("acme", "opens", 1, 3) for _ in range(4)] == [0, 0, 0, 20_000]
    clock.advance(19_999)
    assert await store.allow("acme", "opens", 1, 3) == 1
    clock.advance(1)
    assert await store.allow("acme", "opens", 1, 3) == 0
    assert await store.allow("acme", "opens", 1, 3) == 20_000


async def test_a_refusal_costs_nothing(store: Store, clock: ManualClock) -> None:
    assert await store.allow("acme", "chars", 100, 100) == 0
    for _ in range(5):
        assert await store.allow("acme", "chars", 50, 100) == 30_000
    clock.advance(30_000)
    assert await store.allow("acme", "chars", 50, 100) == 0


async def test_tenants_and_kinds_do_not_share(store: Store) -> None:
    assert await store.allow("acme", "opens", 1, 1) == 0
    assert await store.allow("acme", "chars", 1, 1) == 0
    assert await store.allow("other", "opens", 1, 1) == 0
    assert await store.allow("acme", "opens", 1, 1) == 60_000


async def test_a_large_piece_goes_when_nothing_is_owed_and_is_paid_off(
    store: Store, clock: ManualClock
) -> None:
    assert await store.allow("acme", "chars", 250, 100) == 0
    assert await store.allow("acme", "chars", 1, 100) == 90_600
    clock.advance(90_600)
    assert await store.allow("acme", "chars", 1, 100) == 0
    assert await store.allow("acme", "chars", 250, 100) == 60_000


@pytest.mark.parametrize(("amount", "per_minute"), [(0, 1), (-1, 1), (10**9 + 1, 1), (1, 0)])
async def test_senseless_amounts_are_refused(store: Store, amount: int, per_minute: int) -> None:
    with pytest.raises(InvalidInput, match="must be from 1 to"):
        await store.allow("acme", "opens", amount, per_minute)


ATTEMPTS = st.lists(st.tuples(st.integers(0, 30_000), st.integers(1, 40)), max_size=40)


@pytest.mark.parametrize("server", ["single"], indirect=True)
@settings(max_examples=60)
@given(attempts=ATTEMPTS, per_minute=st.integers(1, 200))
def test_rates_are_those_of_a_bucket(
    server: EmbeddedValkey, attempts: list[tuple[int, int]], per_minute: int
) -> None:
    """Against a bucket of a minute's worth, kept in exact fractions."""
    with Redis.from_url(server.url) as redis:
        redis.delete(key := rate_key("acme", "model"))
        now_ms, level = 1_800_000_000_000, Fraction(per_minute)
        for after_ms, amount in attempts:
            now_ms += after_ms
            level = min(Fraction(per_minute), level + Fraction(after_ms * per_minute, 60_000))
            missing = min(amount, per_minute) - level
            wait_ms = redis.eval(ALLOW.source, 1, key, now_ms, amount, per_minute)
            assert isinstance(wait_ms, int)
            exact_ms = max(Fraction(0), missing * 60_000 / per_minute)
            assert abs(wait_ms - exact_ms) <= 1  # times are kept to a thousandth of a millisecond
            if wait_ms == 0:
                level -= amount
