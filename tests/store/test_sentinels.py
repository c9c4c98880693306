"""A primary that sentinels name: failovers, and sentinels that do not know better."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from duologue.errors import StoreUnavailable
from duologue.session_lease import Lease
from duologue.store.store import Store
from duologue.tenants import Tenant
from tests.store.raw_sentinels import RawSentinels
from tests.store.raw_server import free_ports, until
from tests.store.records import new_lease
from tests.waiting import waiting_for

NO_PAUSES = "duologue.store.connection._LONG_PAUSES_S"


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[RawSentinels]:
    watched = RawSentinels(tmp_path)
    await watched.start()
    try:
        yield watched
    finally:
        await watched.stop()


async def append_at_last(store: Store, lease: Lease, entry: bytes) -> None:
    """Append, however often that fails before."""
    async with waiting_for("an append"):
        while True:
            with suppress(StoreUnavailable):
                await store.append(lease, entry)
                return


async def test_a_killed_primarys_replica_takes_over(watched: RawSentinels) -> None:
    async with await Store.connect(watched.url) as store:
        lease = await new_lease(store)
        await store.append(lease, b"before")
        await until(watched.is_replicated, "the replica to have it")
        watched.primary.kill()
        await append_at_last(store, lease, b"after")
        assert (await store.read("acme", "one")).entries == (b"before", b"after")
        assert watched.named() == watched.replica.port


async def test_a_failover_in_order_loses_nothing(watched: RawSentinels) -> None:
    """The former primary takes no more writes until its replica has all."""
    async with await Store.connect(watched.url) as store:
        lease = await new_lease(store)
        await until(watched.is_replicated, "the replica to have it")
        await until(watched.begins_failover, "the sentinel to find its replica good enough")
        async with waiting_for("the failover"):
            while watched.named() != watched.replica.port:
                await append_at_last(store, lease, b"entry")
        num_entries = lease.num_entries
        await append_at_last(store, lease, b"last")
        assert (await store.read("acme", "one")).entries == (*(b"entry",) * num_entries, b"last")


async def test_a_primary_that_has_become_a_replica_is_left(watched: RawSentinels) -> None:
    """All connections to it are open, and it goes on to answer: READONLY."""
    async with await Store.connect(watched.url) as store:
        lease = await new_lease(store)
        await asyncio.gather(*(store.tenants() for _ in range(20)))  # many connections
        await until(watched.is_replicated, "the replica to have it")
        watched.forget()
        watched.swap()
        watched.watch(watched.replica)
        assert await store.append(lease, b"entry") == 1
        with watched.primary.client() as client:
            libraries = [each["lib-name"] for each in client.client_list()]
        assert libraries.count("redis-py") == 1, "only the client that asks this"


async def test_a_server_that_is_no_primary_is_not_used(
    watched: RawSentinels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although the sentinel names it, and it would answer to whoever only reads."""
    async with await Store.connect(watched.url) as store:
        await store.put_tenant(Tenant("acme"))
    await until(watched.is_replicated, "the replica to have it")
    watched.forget()
    watched.watch(watched.replica)
    monkeypatch.setattr(NO_PAUSES, (0.0,))
    with pytest.raises(StoreUnavailable, match="cannot yet: it is a replica"):
        await Store.connect(watched.url)


async def test_sentinels_that_do_not_help_are_told_of(
    watched: RawSentinels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NO_PAUSES, (0.0,))
    with pytest.raises(StoreUnavailable, match="it knows no service 'other'"):
        await Store.connect(watched.url.replace("/main", "/other"))
    one, two = free_ports(2)
    with pytest.raises(StoreUnavailable, match=f"no sentinel names a primary .*127.0.0.1:{two}: "):
        await Store.connect(f"redis+sentinel://127.0.0.1:{one},127.0.0.1:{two}/main")


async def test_without_sentinels_the_primary_stays(watched: RawSentinels) -> None:
    """What they know is wanted only when it fails."""
    async with await Store.connect(watched.url) as store:
        lease = await new_lease(store)
        await watched.sentinel.stop()
        watched.primary.command("CLIENT", "KILL", "TYPE", "normal")
        assert await store.append(lease, b"entry") == 1


async def test_the_servers_have_a_password_and_the_sentinel_has_none(tmp_path: Path) -> None:
    watched = RawSentinels(tmp_path, password="correct-horse")
    await watched.start()
    try:
        async with await Store.connect(watched.url) as store:
            await store.put_tenant(Tenant("acme"))
        named = watched.url.replace("://:", "://app:")  # whom the sentinel does not know
        async with await Store.connect(named) as store:
            assert [tenant.tenant_id for tenant in await store.tenants()] == ["acme"]
        with pytest.raises(StoreUnavailable) as refusal:
            await Store.connect(watched.url.replace("correct-horse", "wrong-horse"))
        assert "horse" not in str(refusal.value)
    finally:
        await watched.stop()
