"""Quotas: rates per tenant, and counters of what was used."""

from duologue.store.part import StorePart
from duologue.usage import Usage


class QuotaStore(StorePart):
    """Rates are per tenant and per kind of thing."""

    async def allow(self, tenant_id: str, what: str, amount: int, per_minute: int) -> int:
        """0 when the tenant may have so many of it now (then it has), else milliseconds to wait.

        A whole minute's worth may come at once (GCRA). More than that in one piece is let through
        when nothing was used, and the next waits the longer.
        """
        raise NotImplementedError

    async def usage(self, tenant_id: str) -> Usage:
        """What all sessions of the tenant used, until a lease's time ago."""
        raise NotImplementedError

    async def add_usage(self, tenant_id: str, usage: Usage) -> None:
        """Count what was used outside of sessions' journals; those count by themselves."""
        raise NotImplementedError
