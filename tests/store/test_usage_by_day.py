"""What tenants use is counted for the day on which it was used, and kept for a while."""

from datetime import UTC, date, datetime, timedelta

from redis import Redis

from duologue.clock import ManualClock
from duologue.store.keys import TenantKeys
from duologue.store.store import Store
from duologue.tenants import Tenant
from duologue.usage import DailyUsage, Usage
from tests.store.records import LISTING_MS, START_MS, a_session, new_lease

DAY_MS = 86_400_000
TODAY = datetime.fromtimestamp(START_MS / 1000, UTC).date()


def _after(days: int) -> date:
    return TODAY + timedelta(days=days)


async def test_each_day_has_what_was_used_on_it(store: Store, clock: ManualClock) -> None:
    lease = await new_lease(store)
    clock.advance(LISTING_MS)
    await store.append(lease, b"a", usage=Usage(1, 2, 3, 0))
    for _ in range(48):
        clock.advance(DAY_MS / 48)
        await store.renew_lease(lease)
    await store.append(lease, b"b", usage=Usage(11, 2, 5, 1))
    await store.append(lease, b"c", usage=Usage(12, 2, 6, 1))
    await store.release_lease(lease)
    await store.create_session(a_session("two"))
    assert await store.usage_by_day(["acme"]) == [
        DailyUsage("acme", TODAY, 1, Usage(1, 2, 3, 0)),
        DailyUsage("acme", _after(1), 1, Usage(11, 0, 3, 1)),
    ]
    total = sum((each.usage for each in await store.usage_by_day(["acme"])), Usage())
    assert total == await store.usage("acme")


async def test_from_a_day_on(store: Store, clock: ManualClock) -> None:
    for _ in range(40):
        await store.add_usage("acme", Usage(0, 1, 0, 0))
        clock.advance(DAY_MS)
    found = await store.usage_by_day(["acme"])
    assert [each.day for each in found] == [_after(day) for day in range(11, 40)]
    assert len(await store.usage_by_day(["acme"], _after(38))) == 2
    assert len(await store.usage_by_day(["acme"], date(1970, 1, 1))) == 40


async def test_tenants_are_told_one_after_the_other(store: Store) -> None:
    await store.add_usage("b", Usage(1, 0, 0, 0))
    await store.add_usage("a", Usage(0, 1, 0, 0))
    found = await store.usage_by_day(["a", "none", "b"])
    assert [(each.tenant_id, each.usage) for each in found] == [
        ("a", Usage(0, 1, 0, 0)),
        ("b", Usage(1, 0, 0, 0)),
    ]
    assert await store.usage_by_day([]) == []


async def test_days_are_forgotten(store: Store, clock: ManualClock, raw: Redis) -> None:
    await store.add_usage("acme", Usage(1, 1, 1, 1))
    clock.advance(400 * DAY_MS)
    await store.add_usage("acme", Usage(1, 0, 0, 0))
    assert len(await store.usage_by_day(["acme"], date(1970, 1, 1))) == 1
    assert raw.hlen(TenantKeys.of("acme").daily) == 1


async def test_another_tenant_of_the_name_begins_anew(store: Store) -> None:
    await store.put_tenant(Tenant("acme"))
    await store.create_session(a_session())
    await store.delete_tenant("acme")
    await store.put_tenant(Tenant("acme"))
    assert await store.usage_by_day(["acme"]) == []


async def test_a_session_that_is_made_again_counts_once(store: Store) -> None:
    """As after an answer that was lost."""
    for _ in range(3):
        await store.create_session(a_session())
    (today,) = await store.usage_by_day(["acme"])
    assert today.sessions == 1
