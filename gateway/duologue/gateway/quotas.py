"""What a tenant may do: rates and numbers of its own, or the platform's defaults."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

from duologue.errors import QuotaUsedUp
from duologue.service_settings import GatewaySettings
from duologue.store.store import Store
from duologue.tenants import Tenant

_MIB = 2**20
_OPENS = "opens"
_INPUT_CHARS = "input_chars"
_INPUT_BYTES = "input_bytes"
_BYTES_PER_CHAR, _LEAST_BYTES = 16, 100_000
"""A tenant's events may have so many bytes for each character that it may send, in a minute: what
repeats text, or has none, is kept too. A sentence of 100 letters that comes letter by letter takes
60 to 70 times its own length, and nobody speaks at the limit."""
_MAX_RATE, _MAX_AMOUNT = 10**12, 10**9
"""As the store takes them."""
_CHUNKS_PER_MINUTE = 600
"""Characters are fetched from the store for a tenth of a second at the full rate."""


@dataclass(slots=True)
class _Purse:
    """What a tenant has paid for and not yet sent."""

    left: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Quotas:
    """Each method raises QuotaUsedUp, which says when to try again."""

    def __init__(self, store: Store, settings: GatewaySettings) -> None:
        self._store = store
        self._settings = settings
        self._purses: defaultdict[tuple[str, str], _Purse] = defaultdict(_Purse)

    async def open_session(self, tenant: Tenant) -> None:
        """One more session is opened."""
        rate = tenant.opens_per_minute or self._settings.default_opens_per_minute
        wait_ms = await self._store.allow(tenant.tenant_id, _OPENS, 1, rate)
        if wait_ms:
            raise QuotaUsedUp(f"at most {rate} sessions may be opened in a minute", wait_ms)

    async def keep_session(self, tenant: Tenant, session_id: str, config_bytes: int) -> None:
        """A session is about to be made, with such a config, which is paid for like input."""
        await self.say(tenant, config_bytes)
        settings = self._settings
        bounds = settings.max_kept_sessions, settings.max_kept_mib * _MIB
        await self._store.check_room(tenant.tenant_id, session_id, config_bytes, *bounds)

    async def come_alive(self, tenant: Tenant, session_id: str) -> None:
        """A session is about to be live, if it is not already."""
        limit = tenant.max_sessions or self._settings.default_max_sessions
        await self._store.admit(tenant.tenant_id, session_id, limit)

    async def say(self, tenant: Tenant, num_chars: int, num_bytes: int = 0) -> None:
        """So much is sent: new text, and all bytes of the event. The store is asked for many of
        them at a time.

        Raises QuotaUsedUp also when too much of the tenant is kept, and CapacityExceeded when the
        store is nearly full.
        """
        rate = tenant.input_chars_per_minute or self._settings.default_input_chars_per_minute
        await self._pay(tenant, _INPUT_CHARS, num_chars, rate, "input characters")
        most = max(_BYTES_PER_CHAR * rate, _LEAST_BYTES)
        await self._pay(tenant, _INPUT_BYTES, num_bytes, most, "bytes of events")

    async def _pay(self, tenant: Tenant, what: str, amount: int, rate: int, name: str) -> None:
        if not amount:
            return
        purse = self._purses[tenant.tenant_id, what]
        async with purse.lock:
            if purse.left < amount:
                await self._fill(purse, tenant, what, amount - purse.left, rate, name)
            purse.left -= amount

    async def _fill(
        self, purse: _Purse, tenant: Tenant, what: str, missing: int, rate: int, name: str
    ) -> None:
        rate, wait_ms = min(rate, _MAX_RATE), 0
        for amount in dict.fromkeys((max(missing, rate // _CHUNKS_PER_MINUTE), missing)):
            wait_ms = await self._store.allow(
                *(tenant.tenant_id, what, min(amount, _MAX_AMOUNT), rate),
                max_kept_bytes=self._settings.max_kept_mib * _MIB,
            )
            if not wait_ms:
                purse.left += amount
                return
        raise QuotaUsedUp(f"at most {rate} {name} may be sent in a minute", wait_ms)
