"""Tenants and their API keys."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import replace

from duologue.errors import CapacityExceeded, InvalidInput, UnknownKey, UnknownTenant
from duologue.grants import MAX_KEY_LIFE_S, Grant, KeyTerms
from duologue.scopes import ALL_SCOPES, Scope
from duologue.store.encoding import (
    key_terms_from_text,
    scopes_to_text,
    tenant_from_json,
    tenant_to_json,
)
from duologue.store.keys import API_KEY_NAMES, API_KEYS, GENERATIONS, TENANTS
from duologue.store.part import StorePart
from duologue.store.scripts import CREATE_KEY, DELETE_TENANT, KEY_OWNER, PUT_TENANT, REVOKE_KEY
from duologue.tenants import NewKey, Tenant

_ALL = (TENANTS, API_KEYS, API_KEY_NAMES)
_WITH_GENERATIONS = (*_ALL, GENERATIONS)
_KEYS_AT_ONCE = 500
_KEY = re.compile(r"duo_([A-Za-z0-9]{1,32})_([A-Za-z0-9_-]{1,128})")


class TenantStore(StorePart):
    """Tenants stay until they are deleted. Of an API key only a digest is kept."""

    async def put_tenant(self, tenant: Tenant, *, only_new: bool = False) -> Tenant:
        """Make or change a tenant; its `key_ids` are passed over. Returns it as it is now.

        With `only_new`, one that is there stays as it is. Raises CapacityExceeded when there are
        too many.
        """
        limit = self._limits.max_tenants
        arguments = (tenant.tenant_id, tenant_to_json(tenant), limit, int(only_new))
        answer = await self._connection.run(PUT_TENANT, (TENANTS, API_KEY_NAMES), arguments)
        if answer[0] == b"full":
            raise CapacityExceeded(f"there are {limit} tenants, and no more can be made")
        return tenant_from_json(tenant.tenant_id, answer[2], answer[1])

    async def tenant(self, tenant_id: str) -> Tenant | None:
        """The tenant of that name, with its generation."""
        limits, key_names, count = await self._connection.read_together(
            ("HGET", TENANTS, tenant_id),
            ("HGET", API_KEY_NAMES, tenant_id),
            ("HGET", GENERATIONS, tenant_id),
        )
        generation = int(count or 0)
        self._realms.note(tenant_id, generation)
        if limits is None:
            return None
        return replace(tenant_from_json(tenant_id, limits, key_names), generation=generation)

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

    async def create_key(
        self,
        tenant_id: str,
        scopes: frozenset[Scope] = ALL_SCOPES,
        expires_in_ms: int | None = None,
    ) -> NewKey:
        """A new API key; those of the tenant that have expired are forgotten.

        Raises UnknownTenant, CapacityExceeded when it has too many, or InvalidInput for a life that
        has no end or is over.
        """
        if not scopes:
            raise InvalidInput("must name one at least", field="scopes")
        if expires_in_ms is not None and not 1 <= expires_in_ms <= MAX_KEY_LIFE_S * 1_000:
            raise InvalidInput(
                f"must be above 0 and at most {MAX_KEY_LIFE_S} s, not {expires_in_ms / 1e3:g} s",
                field="expires_in",
            )
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        key, limit = f"duo_{key_id}_{secret}", self._limits.max_keys
        is_plain = scopes == ALL_SCOPES and expires_in_ms is None
        terms = ("", "") if is_plain else (expires_in_ms or 0, scopes_to_text(scopes))
        arguments = (self._connection.now, tenant_id, key_id, _digest(key), limit, *terms)
        answer = await self._connection.run(CREATE_KEY, _ALL, arguments)
        if answer[0] == b"unknown":
            raise _unknown(tenant_id)
        if answer[0] == b"full":
            raise CapacityExceeded(f"tenant {tenant_id!r} has {limit} keys: revoke one first")
        return NewKey(key_id, key, int(answer[1]) or None)

    async def key_terms(self, key_ids: Sequence[str]) -> dict[str, KeyTerms]:
        """How far these keys go; those that are gone are left out."""
        found: dict[str, KeyTerms] = {}
        for begin in range(0, len(key_ids), _KEYS_AT_ONCE):
            some = key_ids[begin : begin + _KEYS_AT_ONCE]
            (values,) = await self._connection.read_together(("HMGET", API_KEYS, *some))
            for key_id, value in zip(some, values, strict=True):
                if value is not None:
                    found[key_id] = key_terms_from_text(b" ".join(value.split()[2:]))
        return found

    async def revoke_key(self, key_id: str) -> None:
        """From now on the key is nobody's; raises UnknownKey."""
        answer = await self._connection.run(REVOKE_KEY, _ALL, (key_id,))
        if answer[0] == b"unknown":
            raise UnknownKey(f"there is no key {key_id[:80]!r}")

    async def grant_of(self, key: str) -> Grant | None:
        """What this key gives, be its time over or not; None for whatever is no valid key.

        What is compared takes the same time wherever two keys differ.
        """
        parts = _KEY.fullmatch(key)
        if parts is None:
            return None
        answer = await self._connection.run(KEY_OWNER, _WITH_GENERATIONS, (parts[1],))
        if not answer or not hmac.compare_digest(_digest(key).encode(), answer[0]):
            return None
        _, name, limits, key_names, count, terms = answer
        tenant_id, generation = name.decode(), int(count)
        self._realms.note(tenant_id, generation)
        tenant = replace(tenant_from_json(tenant_id, limits, key_names), generation=generation)
        return Grant(tenant, key_terms_from_text(terms))

    def is_present(self, tenant: Tenant) -> bool:
        """Whether no later tenant of that name is known here; asks nobody."""
        return self._realms.is_present(tenant.tenant_id, tenant.generation)


def _digest(key: str) -> str:
    """What is kept of a key. Keys are long and random, so they need no slow digest."""
    return hashlib.sha256(key.encode()).hexdigest()


def _unknown(tenant_id: str) -> UnknownTenant:
    return UnknownTenant(f"there is no tenant {tenant_id[:80]!r}")
