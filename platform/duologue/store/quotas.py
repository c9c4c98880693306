"""Quotas: rates per tenant, and counters of what was used."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta

from duologue.errors import CapacityExceeded, InvalidInput
from duologue.store.connection import Argument
from duologue.store.keys import TenantKeys, rate_key
from duologue.store.part import StorePart, too_many_bytes, usage_of
from duologue.store.scripts import ADD_USAGE, ALLOW, USAGE_DAYS
from duologue.usage import USAGE_NAMES, DailyUsage, Usage

_MAX_AMOUNT = 10**9
_MAX_RATE = 10**12
_EPOCH = date(1970, 1, 1)
_DAYS_BACK = 29
"""Before today, where nobody says from when on."""


class QuotaStore(StorePart):
    """Rates are per tenant and per kind of thing."""

    async def allow(
        self,
        tenant_id: str,
        what: str,
        amount: int,
        per_minute: int,
        *,
        max_kept_bytes: int | None = None,
    ) -> int:
        """0 when the tenant may have so many of it now (then it has), else milliseconds to wait.

        A whole minute's worth may come at once, and then as much as the rate gives back (GCRA). A
        larger piece is let through when nothing is owed, and the next waits the longer.

        With `max_kept_bytes`, what it has will be kept: raises QuotaExceeded when the tenant's
        sessions have more bytes, and CapacityExceeded when the store is nearly full.
        """
        if not 1 <= amount <= _MAX_AMOUNT:
            raise InvalidInput(f"must be from 1 to {_MAX_AMOUNT}, not {amount}", field="amount")
        if not 1 <= per_minute <= _MAX_RATE:
            raise InvalidInput(
                f"must be from 1 to {_MAX_RATE}, not {per_minute}", field="per_minute"
            )
        arguments: tuple[Argument, ...] = (self._connection.now, amount, per_minute)
        realm = await self._realms.of(tenant_id)
        keys = [rate_key(realm, what)]
        if max_kept_bytes is not None:
            arguments = (*arguments, max_kept_bytes)
            keys.append(TenantKeys.of(realm).bytes)
        wait_ms = int(await self._connection.run(ALLOW, keys, arguments))
        if wait_ms == -2:
            assert max_kept_bytes is not None
            raise too_many_bytes(max_kept_bytes)
        if wait_ms == -1:
            raise CapacityExceeded("the store is nearly full, and takes nothing more")
        return wait_ms

    async def usage(self, tenant_id: str) -> Usage:
        """What all of the tenant's sessions used; live ones up to a third of a lease ago.

        A count of what was used by sessions that were forgotten too, for 400 days after the last.
        """
        keys = await self._tenant_keys(tenant_id)
        (counts,) = await self._connection.read_together(("HMGET", keys.usage, *USAGE_NAMES))
        return usage_of([count or b"0" for count in counts])

    async def add_usage(self, tenant_id: str, usage: Usage) -> None:
        """Count what was used outside of sessions' journals; those count by themselves.

        If the server's answer is lost on the way, it may be counted more than once.
        """
        keys = await self._tenant_keys(tenant_id)
        arguments: list[Argument] = [self._connection.now, *usage.counts]
        await self._connection.run(ADD_USAGE, [keys.usage, keys.daily], arguments)

    async def usage_by_day(
        self, tenant_ids: Sequence[str], since: date | None = None
    ) -> list[DailyUsage]:
        """What these tenants used, by tenant and day (UTC), without days on which they used
        nothing; from a day on, or of the last 30 days. Days are kept for 400 days."""
        first: Argument = "" if since is None else (since - _EPOCH).days
        keys = [await self._tenant_keys(tenant_id) for tenant_id in tenant_ids]
        arguments = (self._connection.now, first, _DAYS_BACK)
        answers = await self._connection.run_all(
            [(USAGE_DAYS, [each.daily], arguments) for each in keys]
        )
        return [
            each
            for tenant_id, answer in zip(tenant_ids, answers, strict=True)
            for each in _days_of(tenant_id, answer)
        ]


def _days_of(tenant_id: str, answer: Sequence[bytes]) -> list[DailyUsage]:
    counts: defaultdict[int, dict[str, int]] = defaultdict(dict)
    for day, name, count in zip(answer[::3], answer[1::3], answer[2::3], strict=True):
        counts[int(day)][name.decode()] = int(count)
    return [
        DailyUsage(
            tenant_id,
            _EPOCH + timedelta(days=day),
            found.get("sessions", 0),
            Usage(*(found.get(name, 0) for name in USAGE_NAMES)),
        )
        for day, found in sorted(counts.items())
    ]
