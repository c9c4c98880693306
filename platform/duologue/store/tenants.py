"""Tenants and their API keys."""

import hashlib
import hmac
import re
import secrets
from dataclasses import replace

from duologue.errors import CapacityExceeded, UnknownKey, UnknownTenant
from duologue.store.encoding import tenant_from_json, tenant_to_json
from duologue.store.keys import API_KEY_NAMES, API_KEYS, GENERATIONS, TENANTS
from duologue.store.part import StorePart
from duologue.store.scripts import CREATE_KEY, DELETE_TENANT, KEY_OWNER, PUT_TENANT, REVOKE_KEY
from duologue.tenants import NewKey, Tenant

_ALL = (TENANTS, API_KEYS, API_KEY_NAMES)
_WITH_GENERATIONS = (*_ALL, GENERATIONS)
_KEY = re.compile(r"duo_([A-Za-z0-9]{1,32})_([A-Za-z0-9_-]{1,128})")


class TenantStore(StorePart):
    """Tenants stay until they are deleted. Of an API key only a digest is kept."""

    async def put_tenant(self, tenant: Tenant) -> Tenant:
        """Make or change a tenant; its `key_ids` are passed over. Returns it as it is now.

        Raises CapacityExceeded when there are too many.
        """
        limit = self._limits.max_tenants
        arguments = (tenant.tenant_id, tenant_to_json(tenant), limit)
        answer = await self._connection.run(PUT_TENANT, (TENANTS, API_KEY_NAMES), arguments)
        if answer[0] == b"full":
            raise CapacityExceeded(f"there are {limit} tenants, and no more can be made")
        return tenant_from_json(tenant.tenant_id, tenant_to_json(tenant).encode(), answer[1])

    async def tenant(self, tenant_id: str) -> Tenant | None:
        """The tenant of that name."""
        limits, key_names = await self._connection.read_together(
            ("HGET", TENANTS, tenant_id), ("HGET", API_KEY_NAMES, tenant_id)
        )
        return None if limits is None else tenant_from_json(tenant_id, limits, key_names)

    async def require_tenant(self, tenant_id: str) -> Tenant:
        """The tenant of that name; raises UnknownTenant."""
        tenant = await self.tenant(tenant_id)
        if tenant is None:
            raise _unknown(tenant_id)
        return tenant

    async def tenants(self) -> tuple[Tenant, ...]:
        """All of them, by name."""
        limits, key_names = await self._connection.read_together(
            ("HGETALL", TENANTS), ("HGETALL", API_KEY_NAMES)
        )
        return tuple(
            tenant_from_json(name.decode(), limits[name], key_names.get(name))
            for name in sorted(limits)
        )

    async def delete_tenant(self, tenant_id: str) -> None:
        """Remove a tenant and its keys; raises UnknownTenant.

        Nobody comes to its sessions any more, whatever tenant has the name later: those that are
        live end, and what is kept of them goes with its TTL.
        """
        answer = await self._connection.run(DELETE_TENANT, _WITH_GENERATIONS, (tenant_id,))
        if answer[0] == b"unknown":
            raise _unknown(tenant_id)
        await self._realms.has_changed(tenant_id)

    async def create_key(self, tenant_id: str) -> NewKey:
        """A new API key; raises UnknownTenant, or CapacityExceeded when it has too many."""
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        key, limit = f"duo_{key_id}_{secret}", self._limits.max_keys
        arguments = (tenant_id, key_id, _digest(key), limit)
        answer = await self._connection.run(CREATE_KEY, _ALL, arguments)
        if answer[0] == b"unknown":
            raise _unknown(tenant_id)
        if answer[0] == b"full":
            raise CapacityExceeded(f"tenant {tenant_id!r} has {limit} keys: revoke one first")
        return NewKey(key_id, key)

    async def revoke_key(self, key_id: str) -> None:
        """From now on the key is nobody's; raises UnknownKey."""
        answer = await self._connection.run(REVOKE_KEY, _ALL, (key_id,))
        if answer[0] == b"unknown":
            raise UnknownKey(f"there is no key {key_id[:80]!r}")

    async def tenant_of(self, key: str) -> Tenant | None:
        """Whose key this is; None for whatever is no valid key.

        What is compared takes the same time wherever two keys differ.
        """
        parts = _KEY.fullmatch(key)
        if parts is None:
            return None
        answer = await self._connection.run(KEY_OWNER, _WITH_GENERATIONS, (parts[1],))
        if not answer or not hmac.compare_digest(_digest(key).encode(), answer[0]):
            return None
        _, name, limits, key_names, count = answer
        tenant_id, generation = name.decode(), int(count)
        self._realms.note(tenant_id, generation)
        return replace(tenant_from_json(tenant_id, limits, key_names), generation=generation)

    def is_present(self, tenant: Tenant) -> bool:
        """Whether no later tenant of that name is known here; asks nobody."""
        return self._realms.is_present(tenant.tenant_id, tenant.generation)


def _digest(key: str) -> str:
    """What is kept of a key. Keys are long and random, so they need no slow digest."""
    return hashlib.sha256(key.encode()).hexdigest()


def _unknown(tenant_id: str) -> UnknownTenant:
    return UnknownTenant(f"there is no tenant {tenant_id[:80]!r}")
