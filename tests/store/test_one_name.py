"""One server's name: another server may answer to it by and by, or one that is set up badly."""

import asyncio
import logging
import ssl
from pathlib import Path

import pytest

from duologue.errors import StoreUnavailable
from duologue.store.store import Store
from duologue.tenants import Tenant
from tests.certificates import make_certificate
from tests.store.forwarder import forwarding
from tests.store.raw_server import RawServer, until
from tests.store.records import new_lease
from tests.waiting import waiting_for


async def test_a_failover_that_leaves_the_connections_open_is_left(tmp_path: Path) -> None:
    async with (
        RawServer(tmp_path / "one") as one,
        RawServer(tmp_path / "two") as two,
        forwarding(one.port) as door,
        await Store.connect(f"redis://127.0.0.1:{door.port}") as store,
    ):
        two.command("REPLICAOF", "127.0.0.1", one.port)
        lease = await new_lease(store)
        await asyncio.gather(*(store.tenants() for _ in range(20)))  # many connections
        await until(lambda: two.has_all_of(one), "the replica to have it")
        two.command("REPLICAOF", "NO", "ONE")
        one.command("REPLICAOF", "127.0.0.1", two.port)
        appending = asyncio.create_task(store.append(lease, b"entry"))
        await until(lambda: num_readonly(one) >= 2, "the call to be refused, and to try again")
        door.target = two.port
        async with waiting_for("the end of the call"):
            assert await appending == 1
        await store.put_tenant(Tenant("acme"))
        await asyncio.gather(*(store.tenants() for _ in range(20)))
        with one.client() as client:
            libraries = [each["lib-name"] for each in client.client_list()]
        assert libraries.count("redis-py") == 1, "only the client that asks this"


async def test_tls(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    async with RawServer(tmp_path) as server, forwarding(server.port, context) as door:
        url = f"rediss://127.0.0.1:{door.port}"
        async with await Store.connect(f"{url}?ssl_ca_certs={certificate}") as store:
            await store.put_tenant(Tenant("acme"))
        async with await Store.connect(f"{url}?ssl_cert_reqs=none") as store:
            assert [tenant.tenant_id for tenant in await store.tenants()] == ["acme"]
        with pytest.raises(StoreUnavailable, match="certificate verify failed"):
            await Store.connect(url)


def num_readonly(server: RawServer) -> int:
    """How often it has refused to write."""
    counts = server.info("errorstats").get("errorstat_READONLY", {})
    assert isinstance(counts, dict)
    return int(counts.get("count", 0))


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (["min-replicas-to-write 1"], "NOREPLICAS"),
        (["replicaof 127.0.0.1 1"], "read only replica"),
    ],
    ids=["too few replicas", "a replica"],
)
async def test_a_server_that_cannot_yet_is_one_that_is_not_there(
    tmp_path: Path, config: list[str], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("duologue.store.connection._LONG_PAUSES_S", (0.0,))
    async with RawServer(tmp_path, *config) as server:
        with pytest.raises(StoreUnavailable, match=f"cannot yet: .*({why})") as refusal:
            await Store.connect(f"redis://127.0.0.1:{server.port}")
        assert type(refusal.value) is StoreUnavailable


@pytest.mark.parametrize(
    ("config", "is_named"),
    [
        (["maxmemory 50mb", "maxmemory-policy allkeys-lru"], True),
        (["maxmemory 50mb", "maxmemory-policy volatile-ttl"], True),
        (["maxmemory 50mb", "maxmemory-policy noeviction"], False),
        (["maxmemory 0", "maxmemory-policy allkeys-lru"], False),
        (
            [
                "maxmemory 50mb",
                "maxmemory-policy allkeys-lru",
                "user default on nopass ~* &* +@all -info",
            ],
            False,
        ),
    ],
    ids=["all keys", "keys with a time to live", "none", "no limit", "it does not say"],
)
async def test_a_server_that_throws_out_keys_is_named(
    tmp_path: Path, config: list[str], is_named: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="duologue.store"):
        async with (
            RawServer(tmp_path, *config) as server,
            await Store.connect(f"redis://127.0.0.1:{server.port}"),
        ):
            pass
    assert ("noeviction" in caplog.text) is is_named
    assert (f"127.0.0.1:{server.port}" in caplog.text) is is_named
