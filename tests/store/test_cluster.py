"""A cluster: what it does to its slots and servers, and what the store makes of that."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from redis import Redis

from duologue.errors import StoreIncompatible, StoreUnavailable
from duologue.session_lease import Lease
from duologue.session_record import TranscriptEdit
from duologue.store.keys import SessionKeys
from duologue.store.store import Store
from duologue.tenants import Tenant
from tests.store.raw_cluster import RawClients, RawCluster
from tests.store.raw_server import RawServer, free_ports, until
from tests.store.records import a_session, new_lease, said
from tests.waiting import waiting_for

IN_CLUSTER = pytest.mark.parametrize("server", ["cluster"], indirect=True)


@pytest.fixture
async def replicated(tmp_path: Path) -> AsyncIterator[RawCluster]:
    """A cluster of its own, of which one primary has a replica."""
    cluster = RawCluster(tmp_path, num_replicas=1)
    await cluster.start()
    try:
        yield cluster
    finally:
        await cluster.stop()


def session_at(cluster: RawCluster, server: RawServer) -> str:
    """A name of a session whose keys the server has."""
    names = (f"s{number}" for number in range(1_000))
    return next(
        name for name in names if cluster.owner_of(SessionKeys.of("acme", name).meta) is server
    )


class Migration:
    """A session's slot on its way from one server to another, key by key."""

    def __init__(self, cluster: RawCluster, session_id: str) -> None:
        self.keys = SessionKeys.of("acme", session_id)
        self.source = cluster.owner_of(self.keys.meta)
        self.target = next(each for each in cluster.primaries if each is not self.source)
        self.slot = int(str(self.source.command("CLUSTER", "KEYSLOT", self.keys.meta)))
        self.source_id, self.target_id = map(cluster.id_of, (self.source, self.target))

    def begin(self) -> None:
        self.target.command("CLUSTER", "SETSLOT", self.slot, "IMPORTING", self.source_id)
        self.source.command("CLUSTER", "SETSLOT", self.slot, "MIGRATING", self.target_id)

    def move(self, *keys: str) -> None:
        where = ("127.0.0.1", self.target.port, "", 0, 5_000)
        self.source.command("MIGRATE", *where, "KEYS", *keys)

    def end(self) -> None:
        for server in (self.target, self.source):
            server.command("CLUSTER", "SETSLOT", self.slot, "NODE", self.target_id)


def num_answers(server: RawServer, error: str) -> int:
    """How often the server has given such an answer."""
    counts = server.info("errorstats").get(f"errorstat_{error}", {})
    assert isinstance(counts, dict)
    return int(counts.get("count", 0))


@IN_CLUSTER
async def test_a_slot_may_move_at_any_time(store: Store, server: RawCluster, raw: Redis) -> None:
    lease = await new_lease(store, "moving")
    await store.checkpoint(lease, b"checkpoint")
    await store.append(lease, b"1", transcript=TranscriptEdit(0, (said("hello"),)))
    migration = Migration(server, "moving")
    await asyncio.gather(*(store.session("acme", "moving") for _ in range(8)))  # many connections
    migration.begin()
    migration.move(*migration.keys.all)  # now the one says ASK, and the other wants an ASKING
    await store.append(lease, b"2")
    journal = await store.read("acme", "moving")
    assert (journal.checkpoint, journal.entries) == (b"checkpoint", (b"1", b"2"))
    assert [each.session_id for each in (await store.list_sessions("acme")).sessions] == ["moving"]
    assert num_answers(migration.source, "ASK") >= 3
    migration.end()  # now the one says MOVED
    await store.append(lease, b"3")
    assert num_answers(migration.source, "MOVED") >= 1
    before = num_answers(migration.source, "MOVED")
    assert (await store.read("acme", "moving")).entries == (b"1", b"2", b"3")
    assert num_answers(migration.source, "MOVED") == before, "it is remembered"


@IN_CLUSTER
async def test_a_call_waits_for_keys_that_are_half_way(
    store: Store, server: RawCluster, raw: Redis
) -> None:
    lease = await new_lease(store, "half")
    await store.append(lease, b"1")
    migration = Migration(server, "half")
    migration.begin()
    migration.move(migration.keys.journal)
    before = num_answers(migration.source, "TRYAGAIN")
    appending = asyncio.create_task(store.append(lease, b"2"))
    await until(
        lambda: num_answers(migration.source, "TRYAGAIN") > before, "the call to be put off"
    )
    migration.move(*migration.keys.all)
    migration.end()
    async with waiting_for("the end of the call"):
        assert await appending == 2
    assert (await store.read("acme", "half")).entries == (b"1", b"2")


@IN_CLUSTER
async def test_a_slot_that_moves_as_a_whole_is_not_noticed(
    store: Store, server: RawCluster, raw: Redis
) -> None:
    """As servers do it by themselves from Valkey 9 on."""
    lease = await new_lease(store, "whole")
    migration = Migration(server, "whole")
    where = ("SLOTSRANGE", migration.slot, migration.slot, "NODE", migration.target_id)
    migration.source.command("CLUSTER", "MIGRATESLOTS", *where)
    num_entries = 0
    async with waiting_for("the move"):
        while server.owner_of(migration.keys.meta) is not migration.target:
            num_entries = await store.append(lease, b"%d" % num_entries)
            await store.checkpoint(lease, b"%d" % num_entries)
    await store.append(lease, b"last")
    journal = await store.read("acme", "whole")
    assert (journal.checkpoint, journal.entries) == (b"%d" % num_entries, (b"last",))


@IN_CLUSTER
async def test_the_map_is_read_again_when_many_slots_have_moved(
    store: Store, server: RawCluster, raw: Redis
) -> None:
    source, target = server.primaries[0], server.primaries[1]
    names = [f"n{number}" for number in range(120)]
    names = [n for n in names if server.owner_of(SessionKeys.of("acme", n).meta) is source][:20]
    for name in names:
        await store.create_session(a_session(name))
    migrations = [Migration(server, name) for name in names]
    for migration in migrations:
        migration.target, migration.target_id = target, server.id_of(target)
        migration.begin()
        migration.move(migration.keys.meta)
        migration.end()
    before = num_answers(source, "MOVED")
    for name in names:
        await store.touch("acme", name)
    assert 1 <= num_answers(source, "MOVED") - before < len(names)


@IN_CLUSTER
async def test_every_server_is_told_the_scripts_that_it_does_not_know(
    store: Store, server: RawCluster, raw: RawClients
) -> None:
    for number in range(4):
        await store.put_tenant(Tenant(f"t{number}"))
        await store.create_session(a_session("one", f"t{number}"))
    for each in server.primaries:
        each.command("SCRIPT", "FLUSH")
    assert await store.count_live() == 0
    for each in server.primaries:
        each.command("SCRIPT", "FLUSH")
    assert len((await store.list_sessions()).sessions) == 4


@IN_CLUSTER
async def test_any_server_of_the_url_will_do(server: RawCluster, raw: Redis) -> None:
    (nobody,) = free_ports(1)
    hosts = f"127.0.0.1:{nobody},127.0.0.1:{server.primaries[2].port}"
    async with await Store.connect(f"redis+cluster://{hosts}") as store:
        assert await store.tenants() == ()


async def test_a_killed_primarys_replica_takes_over(replicated: RawCluster) -> None:
    primary, replica = replicated.primaries[0], replicated.replicas[0]
    session_id = session_at(replicated, primary)
    async with await Store.connect(replicated.url) as store:
        lease = await new_lease(store, session_id)
        await store.append(lease, b"before")
        await until(lambda: replica.has_all_of(primary), "the replica to have it")
        primary.kill()
        await append_at_last(store, lease, b"after")
        assert (await store.read("acme", session_id)).entries == (b"before", b"after")
        assert replicated.knows(replica, "master")


async def test_a_failover_in_order_is_not_noticed(replicated: RawCluster) -> None:
    """The connections to the former primary stay open."""
    primary, replica = replicated.primaries[0], replicated.replicas[0]
    session_id = session_at(replicated, primary)
    async with await Store.connect(replicated.url) as store:
        lease = await new_lease(store, session_id)
        replica.command("CLUSTER", "FAILOVER")
        num_entries = 0
        async with waiting_for("the failover"):
            while not replicated.knows(replica, "master"):
                num_entries = await store.append(lease, b"entry")
        await store.append(lease, b"last")
        assert replicated.owner_of(SessionKeys.of("acme", session_id).meta) is replica
        assert len((await store.read("acme", session_id)).entries) == num_entries + 1


async def test_a_server_that_hangs_holds_up_only_its_own(
    replicated: RawCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung, other = replicated.primaries[1:]
    async with await Store.connect(replicated.url) as store:
        await store.put_tenant(Tenant("acme"))
        leases = [await new_lease(store, session_at(replicated, each)) for each in (hung, other)]
        with hung.stopped(), monkeypatch.context() as patch:
            patch.setattr("duologue.store.connection._CALL_S", 0.5)
            calls = (store.append(lease, b"entry") for lease in leases)
            ends = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(ends[0], StoreUnavailable)
        assert "nothing within 0.5 s" in str(ends[0])
        assert ends[1] == 1
        await append_at_last(store, leases[0], b"entry")


async def test_what_is_no_cluster_is_told_of(tmp_path: Path) -> None:
    async with RawServer(tmp_path) as alone:
        with pytest.raises(StoreIncompatible, match=r"not part of a cluster: .* redis://"):
            await Store.connect(f"redis+cluster://127.0.0.1:{alone.port}")


@IN_CLUSTER
async def test_one_of_a_clusters_servers_is_no_store(server: RawCluster, raw: RawClients) -> None:
    other = next(
        each for each in server.primaries if each is not server.owner_of("duologue:schema")
    )
    with pytest.raises(StoreIncompatible, match=r"part of a cluster: .* redis\+cluster://"):
        await Store.connect(f"redis://127.0.0.1:{other.port}")


async def test_a_cluster_that_is_not_there_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("duologue.store.connection._LONG_PAUSES_S", (0.0,))
    one, two = free_ports(2)
    with pytest.raises(StoreUnavailable, match=f"does not answer: .*127.0.0.1:{one}: Error 111"):
        await Store.connect(f"redis+cluster://127.0.0.1:{one},127.0.0.1:{two}")


async def append_at_last(store: Store, lease: Lease, entry: bytes) -> None:
    """Append, however often that fails before."""
    async with waiting_for("an append"):
        while True:
            with suppress(StoreUnavailable):
                await store.append(lease, entry)
                return
