"""A store whose memory is full: what is there goes on, and only what is new is refused."""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from duologue.cluster_status import NodeStatus
from duologue.errors import CapacityExceeded
from duologue.session_record import SessionRecord, SessionStatus, TranscriptEdit
from duologue.store.store import Store
from duologue.store.valkey import EmbeddedValkey
from duologue.usage import Usage
from tests.store.records import START_MS, said

MEMORY_MIB = 16
NODE = NodeStatus("n1", "host:1", 0, 4, 1)


@pytest.fixture
async def small() -> AsyncIterator[EmbeddedValkey]:
    async with EmbeddedValkey(max_memory_mib=MEMORY_MIB) as server:
        yield server


@pytest.fixture
async def store(small: EmbeddedValkey) -> AsyncIterator[Store]:
    async with await Store.connect(small.url) as store:
        yield store


@pytest.fixture
def raw(small: EmbeddedValkey) -> Iterator[Redis]:
    with Redis.from_url(small.url) as client:
        yield client


def _fill(raw: Redis, share: float) -> None:
    """Until so much of the memory is used; more than all of it is not to be had."""
    number = 0
    while raw.info("memory")["used_memory"] < share * MEMORY_MIB * 2**20:
        with suppress(ResponseError):
            raw.set(f"something:{number}", b"x" * 50_000)
        number += 1
        assert number < 1_000


def _stuff(raw: Redis) -> None:
    """Until nothing more goes in."""
    _fill(raw, 0.95)
    try:
        for number in range(100_000):
            raw.set(f"crumb:{number}", b"x" * 1_000)
    except ResponseError as error:
        assert "maxmemory" in str(error)  # noqa: PT017
        return
    raise AssertionError("the server has no limit")


def _session(name: str, config: bytes = b"") -> SessionRecord:
    return SessionRecord("acme", name, config, b"digest", START_MS)


async def test_what_lives_goes_on_when_it_is_full(store: Store, raw: Redis) -> None:
    await store.create_session(_session("one"))
    await store.create_session(_session("asleep"))
    await store.create_session(_session("large", b"c" * 100_000))
    lease = await store.take_lease("acme", "one", "actor", address="a:1", node_id="n1")
    _stuff(raw)
    edit = TranscriptEdit(0, (said("hello"),))
    assert await store.append(lease, b"entry", transcript=edit, usage=Usage(1, 2, 3, 4)) == 1
    await store.checkpoint(lease, b"checkpoint")
    await store.renew_lease(lease)
    await store.announce_node(NODE)
    assert [node.node_id for node in await store.nodes()] == ["n1"]
    other = await store.take_lease("acme", "asleep", "actor", address="a:1", node_id="n1")
    await store.release_lease(other)
    assert await store.allow("acme", "opens", 1, 100) == 0
    used = raw.info("memory")["used_memory"]
    await store.close_session("acme", "large")
    assert raw.info("memory")["used_memory"] < used - 90_000
    await store.release_lease(lease, SessionStatus.CLOSED)
    assert [entry.text for entry in await store.transcript("acme", "one")] == ["hello"]


async def test_new_sessions_are_refused_while_there_is_room_for_others(
    store: Store, raw: Redis
) -> None:
    _fill(raw, 0.7)
    await store.create_session(_session("one"))
    _fill(raw, 0.85)
    with pytest.raises(CapacityExceeded, match="nearly full"):
        await store.create_session(_session("two"))
    await store.create_session(_session("one"))  # a repeat of what is there
    assert await store.allow("acme", "chars", 1, 100, max_kept_bytes=2**30) == 0
    _fill(raw, 0.95)
    with pytest.raises(CapacityExceeded, match="nearly full"):
        await store.allow("acme", "chars", 1, 100, max_kept_bytes=2**30)
    assert await store.allow("acme", "chars", 1, 100) == 0
