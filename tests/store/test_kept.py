"""What a tenant's sessions take together: counted as they grow, bounded, free again when closed."""

import pytest
from redis import Redis

from duologue.clock import ManualClock
from duologue.errors import QuotaUsedUp
from duologue.session_record import SessionRecord, TranscriptEdit
from duologue.store.keys import TenantKeys
from duologue.store.store import Store
from tests.store.records import LISTING_MS, START_MS, TTL_S, said, take

WIDE = (100, 2**30)
BARE = 1_024


def _kept(raw: Redis, tenant_id: str = "acme") -> int:
    found = raw.hget(TenantKeys.of(tenant_id).bytes, "")
    return int(found or 0)


async def _make(store: Store, name: str, size: int = 400, tenant_id: str = "acme") -> None:
    await store.create_session(SessionRecord(tenant_id, name, b"c" * size, b"d", START_MS))


async def test_bytes_are_counted_as_a_session_grows_and_shrinks(
    store: Store, raw: Redis, clock: ManualClock
) -> None:
    await _make(store, "one")
    await _make(store, "two")
    await _make(store, "one", tenant_id="other")
    assert (_kept(raw), _kept(raw, "other")) == (2 * (BARE + 400), BARE + 400)
    lease = await take(store)
    clock.advance(LISTING_MS)
    await store.append(lease, b"e" * 900)
    assert _kept(raw) == 2 * (BARE + 400) + 900
    await store.checkpoint(lease, b"p" * 1_500)
    clock.advance(LISTING_MS)
    await store.append(lease, b"e" * 100, transcript=TranscriptEdit(0, (said("x" * 500),)))
    grown = _kept(raw) - 2 * (BARE + 400) - 1_600
    assert 500 <= grown <= 1_500, "what the transcript takes, by the server's estimate"
    await store.close_session("acme", "one")
    assert _kept(raw) == 2 * BARE + 400 + grown
    assert raw.hget("duologue:1:{acme:one}:meta", "config") == b""
    await store.close_session("acme", "two")
    assert _kept(raw) == 2 * BARE + grown
    assert _kept(raw, "other") == BARE + 400


async def test_what_is_forgotten_does_not_count(
    store: Store, raw: Redis, clock: ManualClock
) -> None:
    await _make(store, "one")
    clock.advance(TTL_S * 1_000 - 1)
    await _make(store, "two")
    await store.check_room("acme", "new", 0, *WIDE)
    assert _kept(raw) == 2 * (BARE + 400)
    clock.advance(1)
    await store.check_room("acme", "new", 0, *WIDE)
    assert _kept(raw) == BARE + 400
    with pytest.raises(QuotaUsedUp):
        await store.check_room("acme", "new", 0, 1, 2**30)


async def test_another_session_is_refused(store: Store) -> None:
    await _make(store, "one")
    await _make(store, "two")
    with pytest.raises(QuotaUsedUp, match="2 sessions are kept") as caught:
        await store.check_room("acme", "new", 10, 2, 2**30)
    assert caught.value.retry_after_ms > 0
    full = 2 * (BARE + 400) + BARE + 10
    await store.check_room("acme", "new", 10, 3, full)
    with pytest.raises(QuotaUsedUp, match=f"{full} bytes"):
        await store.check_room("acme", "new", 11, 3, full)
    await store.check_room("acme", "one", 11, 2, 1)  # it is there
    await store.check_room("other", "new", 11, 2, full)


async def test_more_input_is_refused(store: Store) -> None:
    await _make(store, "one")
    assert await store.allow("acme", "chars", 1, 100, max_kept_bytes=BARE + 400) == 0
    with pytest.raises(QuotaUsedUp, match="close some"):
        await store.allow("acme", "chars", 1, 100, max_kept_bytes=BARE + 399)
    await store.close_session("acme", "one")
    assert await store.allow("acme", "chars", 1, 100, max_kept_bytes=BARE + 399) == 0
