"""Real servers for all tests of the store, emptied before each, and a clock that tests move.

Whatever asks for the `server` runs against a single one and against a cluster.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from redis import Redis

from duologue.clock import ManualClock
from duologue.service_settings import StoreSettings
from duologue.store.store import Store
from duologue.store.valkey import EmbeddedValkey
from tests.store.raw_cluster import RawClients, RawCluster, Servers, behind
from tests.store.records import LEASE_MS, LIMITS, START_MS, TTL_S


@pytest.fixture(scope="session", params=["single", "cluster"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Servers]:
    server: Servers = EmbeddedValkey()
    if request.param == "cluster":
        server = RawCluster(tmp_path_factory.mktemp("cluster"))
    asyncio.run(server.start())
    try:
        yield server
    finally:
        asyncio.run(server.stop())


@pytest.fixture
def raw(server: Servers) -> Iterator[Redis | RawClients]:
    """The server itself, empty, for looking behind the store."""
    with behind(server) as client:
        client.flushall()
        yield client


@pytest.fixture
def clock() -> ManualClock:
    """What the store's scripts take as the time."""
    return ManualClock(START_MS)


@pytest.fixture
async def store(server: Servers, raw: Redis, clock: ManualClock) -> AsyncIterator[Store]:
    settings = StoreSettings(lease_ms=LEASE_MS, session_ttl_s=TTL_S)

    def now_ms() -> int:
        return int(clock.now_ms())

    async with await Store.connect(server.url, settings, limits=LIMITS, now_ms=now_ms) as store:
        yield store
