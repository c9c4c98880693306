"""Sessions are found again, listed newest first page by page, and forgotten in time."""

from itertools import pairwise

import pytest
from redis import Redis

from duologue.clock import ManualClock
from duologue.errors import CapacityExceeded, InvalidInput, SessionEnded, UnknownSession
from duologue.session_record import SessionRecord, SessionStatus
from duologue.store.resuming import Resumption
from duologue.store.store import Store
from duologue.tenants import Tenant
from duologue.usage import Usage
from tests.store.records import START_MS, TTL_S, a_session, new_lease


async def names(store: Store, tenant_id: str | None, size: int) -> list[list[str]]:
    """The pages of a listing."""
    pages, token = [], ""
    while True:
        page = await store.list_sessions(tenant_id, size, token)
        pages.append([f"{each.tenant_id}/{each.session_id}" for each in page.sessions])
        token = page.next_page_token
        if not token:
            return pages


async def test_a_session_comes_back_as_it_was_made(store: Store) -> None:
    made = a_session()
    await store.create_session(made)
    found = await store.require_session("acme", "one")
    assert (found.config, found.resume_digest) == (made.config, made.resume_digest)
    assert (found.created_ms, found.active_ms) == (START_MS, START_MS)
    assert (found.status, found.epoch) == (SessionStatus.NEW, 0)


async def test_a_name_is_taken_once_but_its_making_can_be_repeated(store: Store) -> None:
    await store.create_session(a_session())
    await store.create_session(a_session())  # as after a lost answer
    with pytest.raises(InvalidInput, match="session_id 'one' is taken"):
        await store.create_session(SessionRecord("acme", "one", b"", b"other", START_MS))
    await store.create_session(a_session(tenant_id="other"))
    assert await names(store, "acme", 10) == [["acme/one"]]


async def test_connections_are_numbered_from_one(store: Store) -> None:
    await store.create_session(a_session())
    await store.create_session(a_session(tenant_id="other"))
    digests = [a_session().resume_digest, *(bytes([number]) * 32 for number in range(3))]
    for number, pair in enumerate(pairwise(digests), 1):
        assert await store.resume("acme", "one", *pair) == Resumption(number, Usage())
    assert await store.resume("other", "one", *digests[:2]) == Resumption(1, Usage())
    found = await store.require_session("acme", "one")
    assert (found.status, found.epoch) == (SessionStatus.NEW, 0)


async def test_what_is_not_there_is_not_found(store: Store) -> None:
    assert await store.session("acme", "none") is None
    calls = (store.require_session, store.touch, store.close_session)
    for call in calls:
        with pytest.raises(UnknownSession):
            await call("acme", "none")
    with pytest.raises(UnknownSession):
        await store.resume("acme", "none", bytes(32), bytes(32))


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "a:b", "{a}", "ä"])
def test_names_that_could_be_taken_for_keys_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="session_id must be"):
        a_session(name)
    with pytest.raises(InvalidInput, match="tenant_id must be"):
        a_session(tenant_id=name)


async def test_too_large_a_config_is_refused(store: Store) -> None:
    record = SessionRecord("acme", "one", bytes(501), b"digest", START_MS)
    with pytest.raises(CapacityExceeded, match="config has 501 bytes, at most 500"):
        await store.create_session(record)
    assert await store.session("acme", "one") is None


async def test_touching_tells_that_it_was_used(store: Store, clock: ManualClock) -> None:
    await store.create_session(a_session())
    clock.advance(5_000)
    await store.touch("acme", "one")
    assert (await store.require_session("acme", "one")).active_ms == START_MS + 5_000
    await store.close_session("acme", "one")
    with pytest.raises(SessionEnded):
        await store.touch("acme", "one")


async def test_closing_again_changes_nothing(store: Store, clock: ManualClock) -> None:
    await new_lease(store)
    await store.close_session("acme", "one")
    closed = await store.require_session("acme", "one")
    clock.advance(1_000)
    await store.close_session("acme", "one")
    assert await store.require_session("acme", "one") == closed
    assert closed.epoch == 2


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 100])
async def test_pages_hold_every_session_once_newest_first(store: Store, size: int) -> None:
    times = {"a": 1, "b": 3, "c": 3, "d": 3, "e": 2, "f": 9, "g": 3}
    for name, created_ms in times.items():
        await store.create_session(a_session(name, created_ms=created_ms))
    pages = await names(store, "acme", size)
    assert [name for page in pages for name in page] == [
        f"acme/{name}" for name in ("f", "g", "d", "c", "b", "e", "a")
    ]
    assert all(len(page) == size for page in pages[:-1])


@pytest.mark.parametrize("size", [1, 2, 3, 4, 100])
async def test_pages_over_all_tenants(store: Store, size: int) -> None:
    for tenant_id, times in {"acme": (5, 3, 3), "zoo": (3, 4), "bee": (3,)}.items():
        await store.put_tenant(Tenant(tenant_id))
        for number, created_ms in enumerate(times):
            await store.create_session(a_session(f"s{number}", tenant_id, created_ms))
    found = [name for page in await names(store, None, size) for name in page]
    assert found == ["acme/s0", "zoo/s1", "zoo/s0", "bee/s0", "acme/s2", "acme/s1"]


async def test_a_page_goes_on_when_the_session_that_it_ended_with_is_gone(
    store: Store, raw: Redis
) -> None:
    for number in range(4):
        await store.create_session(a_session(f"s{number}", created_ms=number))
    first = await store.list_sessions("acme", 2)
    raw.delete("duologue:1:{acme:s2}:meta")
    raw.zrem("duologue:1:{acme}:sessions", "s2")
    second = await store.list_sessions("acme", 2, first.next_page_token)
    assert [each.session_id for each in second.sessions] == ["s1", "s0"]


async def test_forgotten_sessions_leave_the_lists(
    store: Store, clock: ManualClock, raw: Redis
) -> None:
    await store.create_session(a_session("old"))
    clock.advance(TTL_S * 1000 - 1)
    await store.create_session(a_session("new"))
    raw.delete("duologue:1:{acme:old}:meta")  # its time to live, which goes by the server's clock
    assert await names(store, "acme", 10) == [["acme/new"]]
    clock.advance(1)
    assert await names(store, "acme", 10) == [["acme/new"]]
    assert raw.zrange("duologue:1:{acme}:sessions", 0, -1) == [b"new"]
    assert raw.zrange("duologue:1:{acme}:expiry", 0, -1) == [b"new"]


@pytest.mark.parametrize("size", [-1, 1_001])
async def test_page_sizes_have_bounds(store: Store, size: int) -> None:
    with pytest.raises(InvalidInput, match=f"page_size must be from 0 to 1000, not {size}"):
        await store.list_sessions("acme", size)


TOKENS = ["x", "ä", "bnVsbA==", "W10=", "WzEsIDIsIDNd", "WyIxIiwgImEiLCAiYiJd", "e" * 5_000]


@pytest.mark.parametrize("token", TOKENS)
async def test_a_token_that_is_none_is_refused(store: Store, token: str) -> None:
    with pytest.raises(InvalidInput, match="page_token must be the next_page_token of a page"):
        await store.list_sessions("acme", 1, token)


async def test_no_sessions_are_an_empty_page(store: Store) -> None:
    assert await names(store, "acme", 10) == [[]]
    assert await names(store, None, 10) == [[]]
