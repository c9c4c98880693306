"""What a tenant may do: rates and numbers of its own, or the platform's defaults."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

from duologue.errors import QuotaExceeded
from duologue.service_settings import GatewaySettings
from duologue.store.store import Store
from duologue.tenants import Tenant

_MIB = 2**20
_OPENS = "opens"
_INPUT_CHARS = "input_chars"
_CHUNKS_PER_MINUTE = 600
"""Characters are fetched from the store for a tenth of a second at the full rate."""


@dataclass(slots=True)
class _Purse:
    """Characters that a tenant has paid for and not yet sent."""

    chars: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Quotas:
    """Each method raises QuotaExceeded, which says when to try again."""

    def __init__(self, store: Store, settings: GatewaySettings) -> None:
        self._store = store
        self._settings = settings
        self._purses: defaultdict[str, _Purse] = defaultdict(_Purse)

    async def open_session(self, tenant: Tenant) -> None:
        """One more session is opened."""
        rate = tenant.opens_per_minute or self._settings.default_opens_per_minute
        wait_ms = await self._store.allow(tenant.tenant_id, _OPENS, 1, rate)
        if wait_ms:
            raise QuotaExceeded(f"at most {rate} sessions may be opened in a minute", wait_ms)

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

    async def say(self, tenant: Tenant, num_chars: int) -> None:
        """So much text is sent. The store is asked for many characters at a time.

        Raises QuotaExceeded also when too much of the tenant is kept, and CapacityExceeded when the
        store is nearly full.
        """
        if not num_chars:
            return
        purse = self._purses[tenant.tenant_id]
        async with purse.lock:
            if purse.chars < num_chars:
                await self._fill(purse, tenant, num_chars - purse.chars)
            purse.chars -= num_chars

    async def _fill(self, purse: _Purse, tenant: Tenant, missing: int) -> None:
        rate = tenant.input_chars_per_minute or self._settings.default_input_chars_per_minute
        wait_ms = 0
        for amount in dict.fromkeys((max(missing, rate // _CHUNKS_PER_MINUTE), missing)):
            wait_ms = await self._store.allow(
                *(tenant.tenant_id, _INPUT_CHARS, amount, rate),
                max_kept_bytes=self._settings.max_kept_mib * _MIB,
            )
            if not wait_ms:
                purse.chars += amount
                return
        raise QuotaExceeded(f"at most {rate} input characters may be sent in a minute", wait_ms)
