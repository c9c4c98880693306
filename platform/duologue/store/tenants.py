"""Tenants and their API keys."""

from duologue.store.part import StorePart
from duologue.tenants import NewKey, Tenant


class TenantStore(StorePart):
    """Tenants stay until they are deleted. Of an API key only a digest is kept."""

    async def put_tenant(self, tenant: Tenant) -> Tenant:
        """Make or change a tenant; its `key_ids` are passed over. Returns it as it is now."""
        raise NotImplementedError

    async def tenant(self, tenant_id: str) -> Tenant | None:
        raise NotImplementedError

    async def require_tenant(self, tenant_id: str) -> Tenant:
        """The tenant; raises UnknownTenant."""
        raise NotImplementedError

    async def tenants(self) -> tuple[Tenant, ...]:
        """All of them, by name."""
        raise NotImplementedError

    async def delete_tenant(self, tenant_id: str) -> None:
        """Remove a tenant and its keys; raises UnknownTenant. Its sessions end with their TTL."""
        raise NotImplementedError

    async def create_key(self, tenant_id: str) -> NewKey:
        """A new API key; raises UnknownTenant, or CapacityExceeded when it has too many."""
        raise NotImplementedError

    async def revoke_key(self, key_id: str) -> None:
        """From now on the key is nobody's; raises UnknownKey."""
        raise NotImplementedError

    async def tenant_of(self, key: str) -> Tenant | None:
        """Whose key this is; None for whatever is no valid key."""
        raise NotImplementedError
