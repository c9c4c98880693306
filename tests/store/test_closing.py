"""A store that is closed has no connection any more, whatever was under way."""

import asyncio

import pytest
from redis import Redis

from duologue.errors import StoreUnavailable
from duologue.store.store import Store
from tests.store.raw_cluster import Servers

NUM_CALLS = 12


def num_clients(raw: Redis) -> int:
    """Connections to the server besides the one that asks."""
    return len(raw.client_list()) - 1


async def test_calls_under_way_come_to_their_end_and_leave_no_connection(
    server: Servers, raw: Redis
) -> None:
    before = num_clients(raw)
    store = await Store.connect(server.url)
    calls = [asyncio.create_task(store.nodes()) for _ in range(NUM_CALLS)]
    await asyncio.sleep(0)  # each has begun, and is about to connect
    await store.aclose()
    assert all(call.done() for call in calls)
    assert [call.exception() for call in calls] == [None] * NUM_CALLS
    assert num_clients(raw) == before


async def test_what_comes_too_late_is_refused(server: Servers, raw: Redis) -> None:
    before = num_clients(raw)
    store = await Store.connect(server.url)
    await store.aclose()
    with pytest.raises(StoreUnavailable, match=r"the connection to .*://.* was closed"):
        await store.nodes()
    assert num_clients(raw) == before


async def test_a_call_that_is_cancelled_ends_so_and_does_not_keep_it_open(
    server: Servers,
) -> None:
    store = await Store.connect(server.url)
    call = asyncio.create_task(store.nodes())
    await asyncio.sleep(0)  # it writes, at which Python 3.11 can lose a cancellation
    call.cancel()
    await store.aclose()
    assert call.cancelled()
