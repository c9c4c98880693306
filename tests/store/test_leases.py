"""One holder at a time, each under a higher epoch, and nobody who is dead counts as live."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from duologue.clock import ManualClock
from duologue.errors import LeaseHeld, QuotaUsedUp, SessionEnded, StaleEpoch, UnknownSession
from duologue.session_lease import Lease
from duologue.session_record import SessionStatus
from duologue.store.store import Store
from tests.store.records import LEASE_MS, LISTING_MS, a_session, new_lease, take


async def test_the_holder_and_where_it_is_are_known(store: Store) -> None:
    lease = await new_lease(store)
    assert (lease.epoch, lease.num_entries, lease.lease_ms) == (1, 0, LEASE_MS)
    record = await store.require_session("acme", "one")
    assert (record.status, record.epoch) == (SessionStatus.LIVE, 1)
    assert (record.address, record.node_id) == ("host:1", "n1")


async def test_a_live_holder_is_not_overtaken_by_who_does_not_know_it(store: Store) -> None:
    lease = await new_lease(store)
    with pytest.raises(LeaseHeld, match="'one' is held at 'host:1' under epoch 1") as refusal:
        await take(store)
    assert (refusal.value.address, refusal.value.epoch) == ("host:1", 1)
    await store.renew_lease(lease)


async def test_who_knows_the_holder_overtakes_it(store: Store) -> None:
    old = await new_lease(store)
    new = await take(store, known_epoch=1)
    assert new.epoch == 2
    with pytest.raises(StaleEpoch, match="not held under epoch 1 any more; it is at 2"):
        await store.renew_lease(old)


async def test_a_store_that_lost_epochs_goes_on_above_those_that_were_seen(store: Store) -> None:
    await new_lease(store)
    assert (await take(store, known_epoch=41)).epoch == 42


async def test_a_lease_ends_with_its_time_and_not_before(store: Store, clock: ManualClock) -> None:
    await new_lease(store)
    clock.advance(LEASE_MS - 1)
    with pytest.raises(LeaseHeld):
        await take(store)
    clock.advance(1)
    assert (await store.require_session("acme", "one")).status is SessionStatus.ASLEEP
    assert (await store.require_session("acme", "one")).address == ""
    assert (await take(store)).epoch == 2


async def test_renewing_holds_on(store: Store, clock: ManualClock) -> None:
    lease = await new_lease(store)
    for _ in range(5):
        clock.advance(LEASE_MS - 1)
        await store.renew_lease(lease)
    assert (await store.require_session("acme", "one")).status is SessionStatus.LIVE


async def test_who_comes_late_but_was_not_overtaken_still_holds(
    store: Store, clock: ManualClock
) -> None:
    lease = await new_lease(store)
    clock.advance(10 * LEASE_MS)
    await store.renew_lease(lease)
    with pytest.raises(LeaseHeld):
        await take(store)


async def test_a_released_session_sleeps_and_its_next_holder_has_the_next_epoch(
    store: Store,
) -> None:
    lease = await new_lease(store)
    await store.release_lease(lease)
    record = await store.require_session("acme", "one")
    assert (record.status, record.address, record.node_id) == (SessionStatus.ASLEEP, "", "")
    with pytest.raises(StaleEpoch):
        await store.renew_lease(lease)
    await store.release_lease(lease)
    assert (await take(store)).epoch == 2


@pytest.mark.parametrize("known_epoch", [0, 1, 99])
async def test_a_closed_session_is_held_by_nobody(store: Store, known_epoch: int) -> None:
    lease = await new_lease(store)
    await store.release_lease(lease, SessionStatus.CLOSED)
    assert (await store.require_session("acme", "one")).status is SessionStatus.CLOSED
    with pytest.raises(SessionEnded, match="'one' is closed"):
        await take(store, known_epoch=known_epoch)


WRITES: dict[str, Callable[[Store, Lease], Awaitable[object]]] = {
    "append": lambda store, lease: store.append(lease, b"entry"),
    "checkpoint": lambda store, lease: store.checkpoint(lease, b"checkpoint"),
    "renew": lambda store, lease: store.renew_lease(lease),
}


@pytest.mark.parametrize("write", WRITES)
async def test_closing_and_overtaking_fence_the_holder(store: Store, write: str) -> None:
    closed, overtaken = await new_lease(store), await new_lease(store, "two")
    await store.close_session("acme", "one")
    await take(store, "two", known_epoch=1)
    for lease in (closed, overtaken):
        with pytest.raises(StaleEpoch):
            await WRITES[write](store, lease)
        journal = await store.read("acme", lease.session_id)
        assert (journal.checkpoint, journal.entries) == (None, ())


async def test_who_was_overtaken_cannot_release(store: Store) -> None:
    old = await new_lease(store)
    await take(store, known_epoch=1)
    with pytest.raises(StaleEpoch):
        await store.release_lease(old, SessionStatus.CLOSED)
    assert (await store.require_session("acme", "one")).status is SessionStatus.LIVE


async def test_what_is_not_there_cannot_be_held(store: Store) -> None:
    with pytest.raises(UnknownSession, match="no session 'none' of tenant 'acme'"):
        await take(store, "none")
    await store.create_session(a_session())
    with pytest.raises(UnknownSession):  # the same name is another tenant's
        await take(store, tenant_id="other")


async def test_one_of_many_at_once_wins(store: Store) -> None:
    await store.create_session(a_session())
    attempts = await asyncio.gather(*(take(store) for _ in range(40)), return_exceptions=True)
    leases = [attempt for attempt in attempts if isinstance(attempt, Lease)]
    assert [lease.epoch for lease in leases] == [1]
    assert all(isinstance(each, LeaseHeld) for each in attempts if each is not leases[0])


async def test_a_dead_holder_stops_counting_and_none_is_counted_twice(
    store: Store, clock: ManualClock
) -> None:
    await new_lease(store)
    lease = await new_lease(store, "two")
    await take(store, "two", known_epoch=1)
    assert await store.count_live("acme") == 2
    clock.advance(LEASE_MS)
    await take(store, "two", known_epoch=lease.epoch + 1)
    clock.advance(LISTING_MS)
    assert await store.count_live("acme") == 1  # nobody told that "one" is gone


async def test_a_holder_that_appends_counts_however_long_it_lives(
    store: Store, clock: ManualClock
) -> None:
    lease = await new_lease(store)
    for _ in range(5):
        clock.advance(LISTING_MS - 1)  # so that not every append lists it
        await store.append(lease, b"entry")
        assert await store.count_live("acme") == 1
        await store.checkpoint(lease, b"checkpoint")
    await store.release_lease(lease)
    assert await store.count_live("acme") == 0


async def test_live_sessions_of_all_tenants_are_counted(store: Store) -> None:
    from duologue.tenants import Tenant

    for tenant_id in ("acme", "other"):
        await store.put_tenant(Tenant(tenant_id))
        await new_lease(store, tenant_id=tenant_id)
    assert (await store.count_live(), await store.count_live("other")) == (2, 1)
    await store.close_session("other", "one")
    assert (await store.count_live(), await store.count_live("other")) == (1, 0)


async def test_no_more_are_admitted_than_may_be_live(store: Store, clock: ManualClock) -> None:
    async def admit(session_id: str) -> None:
        await store.create_session(a_session(session_id))
        await store.admit("acme", session_id, 3)

    names = [f"s{number}" for number in range(10)]
    attempts = await asyncio.gather(*map(admit, names), return_exceptions=True)
    refusals = [attempt for attempt in attempts if attempt is not None]
    assert len(refusals) == 7
    assert isinstance(refusals[0], QuotaUsedUp)
    assert str(refusals[0]) == "tenant 'acme' has 3 live sessions, at most 3"
    assert refusals[0].retry_after_ms > 0
    admitted = names[attempts.index(None)]
    await store.admit("acme", admitted, 3)  # it has its place already
    lease = await take(store, admitted)
    clock.advance(2 * LEASE_MS)  # the others did not come
    await store.renew_lease(lease)
    assert await store.count_live("acme") == 1
