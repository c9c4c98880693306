"""Tenants stay until they are deleted, and a key is worth something only to who has the whole."""

import asyncio
import hashlib

import pytest
from redis import Redis

from duologue.clock import ManualClock
from duologue.errors import (
    CapacityExceeded,
    InvalidInput,
    UnknownKey,
    UnknownSession,
    UnknownTenant,
)
from duologue.grants import KeyTerms
from duologue.scopes import ALL_SCOPES
from duologue.service_settings import StoreSettings
from duologue.session_record import TranscriptEdit
from duologue.store.encoding import tenant_from_json, tenant_to_json
from duologue.store.store import Store
from duologue.tenants import NewKey, Tenant
from duologue.usage import Usage
from tests.store.raw_cluster import Servers
from tests.store.records import LEASE_MS, LIMITS, TTL_S, a_session, new_lease, said

ACME = Tenant(
    "acme",
    max_sessions=3,
    opens_per_minute=4,
    input_chars_per_minute=2**32 - 1,
    priority=6,
    records_text=True,
    is_operator=True,
    weight=2.5,
)


async def test_a_tenant_comes_back_as_it_was_put(store: Store) -> None:
    assert await store.put_tenant(ACME) == ACME
    assert await store.tenant("acme") == ACME
    changed = await store.put_tenant(Tenant("acme", key_ids=("passed over",)))
    assert changed == await store.require_tenant("acme") == Tenant("acme")
    await store.put_tenant(Tenant("Zoo"))
    assert await store.tenants() == (Tenant("Zoo"), Tenant("acme"))


async def test_what_is_not_there_is_not_found(store: Store) -> None:
    assert await store.tenant("none") is None
    for call in (store.require_tenant, store.delete_tenant, store.create_key):
        with pytest.raises(UnknownTenant, match="no tenant 'none'"):
            await call("none")
    with pytest.raises(UnknownKey, match="no key 'none'"):
        await store.revoke_key("none")


@pytest.mark.parametrize("name", ["", "a b", "x" * 64, "@tenants", "a/b", "a\n"])
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="tenant_id must be 1 to 63 letters"):
        Tenant(name)


@pytest.mark.parametrize("value", [-1, 2**32])
def test_bad_limits_are_refused(value: int) -> None:
    with pytest.raises(InvalidInput, match=f"priority must be from 0 to 4294967295, not {value}"):
        Tenant("acme", priority=value)


@pytest.mark.parametrize("weight", [0.0, -1.0, 0.009, 101.0, float("nan"), float("inf")])
def test_bad_weights_are_refused(weight: float) -> None:
    with pytest.raises(InvalidInput, match=r"weight must be from 0\.01 to 100, not"):
        Tenant("acme", weight=weight)


def test_a_tenant_of_the_usual_weight_is_kept_as_before_there_were_weights() -> None:
    assert "weight" not in tenant_to_json(Tenant("acme"))
    assert tenant_from_json("acme", b'{"max_sessions": 3}', None).weight == 1.0


async def test_a_key_names_its_tenant(store: Store) -> None:
    await store.put_tenant(ACME)
    await store.put_tenant(Tenant("other"))
    mine, theirs = await store.create_key("acme"), await store.create_key("other")
    assert mine.key.startswith(f"duo_{mine.key_id}_")
    found = await store.grant_of(mine.key)
    assert found is not None
    tenant = found.tenant
    assert (tenant.tenant_id, tenant.is_operator, tenant.key_ids) == ("acme", True, (mine.key_id,))
    assert found.terms == KeyTerms(ALL_SCOPES, None)
    other = await store.grant_of(theirs.key)
    assert other is not None
    assert other.tenant.tenant_id == "other"


def _wrong(mine: NewKey, theirs: NewKey) -> list[str]:
    secret = theirs.key.rpartition(f"{theirs.key_id}_")[2]
    return [
        mine.key[:-1],
        mine.key + "x",
        mine.key.upper(),
        f"duo_{mine.key_id}_{secret}",
        f"duo_{mine.key_id}_",
        f"duo_none_{secret}",
        mine.key + "\n",
        " " + mine.key,
        "",
        "duo__",
        "ä" * 10_000,
        hashlib.sha256(mine.key.encode()).hexdigest(),
    ]


async def test_whatever_is_not_the_whole_key_is_nobodys(store: Store) -> None:
    await store.put_tenant(ACME)
    mine, theirs = await store.create_key("acme"), await store.create_key("acme")
    for wrong in _wrong(mine, theirs):
        assert await store.grant_of(wrong) is None, wrong


async def test_the_store_and_logs_hold_no_secret(store: Store, raw: Redis) -> None:
    await store.put_tenant(ACME)
    made = await store.create_key("acme")
    secret = made.key.rpartition(f"{made.key_id}_")[2]
    assert len(secret) >= 32
    held = str([raw.hgetall(key) for key in raw.scan_iter("*@tenants*")])
    assert hashlib.sha256(made.key.encode()).hexdigest() in held
    assert made.key_id in held
    assert secret not in held
    assert made.key not in repr(made)


async def test_a_revoked_key_is_nobodys_and_the_others_stay(store: Store) -> None:
    await store.put_tenant(ACME)
    first, second = await store.create_key("acme"), await store.create_key("acme")
    await store.revoke_key(first.key_id)
    assert await store.grant_of(first.key) is None
    assert await store.grant_of(second.key) is not None
    assert (await store.require_tenant("acme")).key_ids == (second.key_id,)
    with pytest.raises(UnknownKey):
        await store.revoke_key(first.key_id)


async def test_a_deleted_tenant_takes_its_keys_along(store: Store, raw: Redis) -> None:
    await store.put_tenant(ACME)
    await store.put_tenant(Tenant("other"))
    mine, theirs = await store.create_key("acme"), await store.create_key("other")
    await store.create_session(a_session())
    await store.delete_tenant("acme")
    assert await store.grant_of(mine.key) is None
    assert await store.grant_of(theirs.key) is not None
    assert [each.tenant_id for each in await store.tenants()] == ["other"]
    assert await store.session("acme", "one") is None
    assert raw.exists("duologue:1:{acme:one}:meta")  # it ends with its time to live
    await store.put_tenant(ACME)
    assert (await store.require_tenant("acme")).key_ids == ()


async def test_tenants_and_keys_have_bounds(store: Store) -> None:
    for number in range(4):
        await store.put_tenant(Tenant(f"t{number}"))
    with pytest.raises(CapacityExceeded, match="there are 4 tenants"):
        await store.put_tenant(ACME)
    await store.put_tenant(Tenant("t0", priority=1))
    keys = await asyncio.gather(*(store.create_key("t0") for _ in range(5)), return_exceptions=True)
    refused = [key for key in keys if isinstance(key, CapacityExceeded)]
    assert len(refused) == 2
    assert str(refused[0]) == "tenant 't0' has 3 keys: revoke one first"
    assert len((await store.require_tenant("t0")).key_ids) == 3


async def test_a_name_that_is_used_again_begins_with_nothing(
    store: Store, server: Servers, clock: ManualClock
) -> None:
    await store.put_tenant(Tenant("acme"))
    key = (await store.create_key("acme")).key
    lease = await new_lease(store)
    await store.append(lease, b"e", transcript=TranscriptEdit(0, (said("secret"),)))
    await store.add_usage("acme", Usage(1, 2, 3, 4))
    assert await store.allow("acme", "opens", 1, 1) == 0
    settings = StoreSettings(lease_ms=LEASE_MS, session_ttl_s=TTL_S)

    def now_ms() -> int:
        return int(clock.now_ms())

    async with await Store.connect(server.url, settings, limits=LIMITS, now_ms=now_ms) as other:
        # Another process, which has known the name for a moment and will for another one.
        old = await other.grant_of(key)
        assert old is not None
        assert (await other.require_session("acme", "one")).session_id == "one"
        await store.delete_tenant("acme")
        await store.put_tenant(Tenant("acme"))
        new_key = (await store.create_key("acme")).key
        assert (await store.list_sessions("acme")).sessions == ()
        assert (await store.list_sessions()).sessions == ()
        for call in (store.require_session, store.transcript, store.close_session, store.touch):
            with pytest.raises(UnknownSession):
                await call("acme", "one")
        with pytest.raises(UnknownSession):
            await store.append(lease, b"more")
        with pytest.raises(UnknownSession):
            await store.renew_lease(lease)
        assert await store.usage("acme") == Usage()
        assert await store.count_live("acme") == await store.count_live() == 0
        assert await store.allow("acme", "opens", 1, 1) == 0
        await store.create_session(a_session("two"))
        # The other one finds what is new, and from the new key on nothing of the old.
        assert (await other.require_session("acme", "two")).session_id == "two"
        assert [each.session_id for each in (await other.list_sessions("acme")).sessions] == ["two"]
        assert not other.is_present(old.tenant)
        new = await other.grant_of(new_key)
        assert new is not None
        assert (new.tenant.generation, other.is_present(new.tenant)) == (1, True)
        with pytest.raises(UnknownSession):
            await other.require_session("acme", "one")


async def test_a_new_key_is_enough_to_know_that_the_name_is_anothers(
    store: Store, server: Servers
) -> None:
    await store.put_tenant(Tenant("acme"))
    async with await Store.connect(server.url) as other:
        await store.create_session(a_session())
        assert len((await other.list_sessions("acme")).sessions) <= 1
        await store.delete_tenant("acme")
        await store.put_tenant(Tenant("acme"))
        assert await other.grant_of((await store.create_key("acme")).key)
        assert (await other.list_sessions("acme")).sessions == ()
