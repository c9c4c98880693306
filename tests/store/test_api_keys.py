"""Keys that go less far than their tenant: scopes, an end, and keys of versions before."""

import pytest
from redis import Redis

from duologue.clock import ManualClock
from duologue.errors import CapacityExceeded, InvalidInput
from duologue.grants import KeyTerms
from duologue.scopes import ALL_SCOPES, Scope
from duologue.store.keys import API_KEYS, TENANTS
from duologue.store.store import Store
from duologue.tenants import Tenant
from tests.store.records import LIMITS, START_MS

READER = frozenset({Scope.SESSIONS_READ, Scope.TRANSCRIPTS_READ})


async def _terms(store: Store, key: str) -> KeyTerms:
    grant = await store.grant_of(key)
    assert grant is not None
    return grant.terms


async def test_scopes_and_an_end(store: Store) -> None:
    await store.put_tenant(Tenant("acme"))
    plain = await store.create_key("acme")
    reader = await store.create_key("acme", READER)
    short = await store.create_key("acme", expires_in_ms=1_000)
    assert (plain.expires_ms, short.expires_ms) == (None, START_MS + 1_000)
    wanted = {
        plain.key_id: KeyTerms(),
        reader.key_id: KeyTerms(READER),
        short.key_id: KeyTerms(ALL_SCOPES, START_MS + 1_000),
    }
    assert await store.key_terms([*wanted, "none"]) == wanted
    for made in (plain, reader, short):
        assert await _terms(store, made.key) == wanted[made.key_id]
    assert await store.key_terms([]) == {}


async def test_a_key_of_a_version_before_may_do_all(store: Store, raw: Redis) -> None:
    """What it wrote has two parts, and what is plain today has, too."""
    await store.put_tenant(Tenant("acme"))
    made = await store.create_key("acme")
    value = raw.hget(API_KEYS, made.key_id)
    assert isinstance(value, bytes)
    assert len(value.split()) == 2
    assert await _terms(store, made.key) == KeyTerms()


async def test_what_a_key_of_a_later_version_may_do_besides_is_passed_over(
    store: Store, raw: Redis
) -> None:
    await store.put_tenant(Tenant("acme"))
    made = await store.create_key("acme", READER)
    value = raw.hget(API_KEYS, made.key_id)
    assert isinstance(value, bytes)
    raw.hset(API_KEYS, made.key_id, value + b",fly")
    assert (await _terms(store, made.key)).scopes == READER


async def test_limits_of_a_later_version_are_passed_over(store: Store, raw: Redis) -> None:
    await store.put_tenant(Tenant("acme", priority=2))
    text = raw.hget(TENANTS, "acme")
    assert isinstance(text, bytes)
    assert b"max_cells" not in text  # a version before could not read it
    raw.hset(TENANTS, "acme", text.replace(b"{", b'{"wings": 2, ', 1))
    assert await store.tenant("acme") == Tenant("acme", priority=2)


async def test_expired_keys_make_room(store: Store, clock: ManualClock) -> None:
    await store.put_tenant(Tenant("acme"))
    short = [await store.create_key("acme", expires_in_ms=1_000) for _ in range(LIMITS.max_keys)]
    with pytest.raises(CapacityExceeded):
        await store.create_key("acme")
    clock.advance(1_000)
    fresh = await store.create_key("acme")
    assert (await store.require_tenant("acme")).key_ids == (fresh.key_id,)
    assert await store.grant_of(short[0].key) is None


@pytest.mark.parametrize("expires_in_ms", [0, -1, 10**15])
async def test_a_life_that_is_none(store: Store, expires_in_ms: int) -> None:
    await store.put_tenant(Tenant("acme"))
    with pytest.raises(InvalidInput, match="expires_in must be above 0"):
        await store.create_key("acme", expires_in_ms=expires_in_ms)
    with pytest.raises(InvalidInput, match="scopes must name one"):
        await store.create_key("acme", frozenset())


async def test_a_tenant_that_is_there_stays_as_it_is(store: Store) -> None:
    first = await store.put_tenant(Tenant("acme", priority=4), only_new=True)
    again = await store.put_tenant(Tenant("acme"), only_new=True)
    assert first == again == Tenant("acme", priority=4)
