"""Quotas: rates per tenant, and counters of what was used."""

from duologue.errors import CapacityExceeded, InvalidInput
from duologue.store.connection import Argument
from duologue.store.keys import TenantKeys, rate_key
from duologue.store.part import StorePart, too_many_bytes, usage_of
from duologue.store.scripts import ADD_USAGE, ALLOW
from duologue.usage import USAGE_NAMES, Usage

_MAX_AMOUNT = 10**9
_MAX_RATE = 10**12


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
            raise InvalidInput(f"amount must be from 1 to {_MAX_AMOUNT}, not {amount}")
        if not 1 <= per_minute <= _MAX_RATE:
            raise InvalidInput(f"per_minute must be from 1 to {_MAX_RATE}, not {per_minute}")
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
        await self._connection.run(ADD_USAGE, [keys.usage], usage.counts)
