"""Who is calling: API keys, checked at the store and remembered for a moment."""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar

from duologue.clock import Clock
from duologue.gateway.errors import NotAllowed, Unauthenticated
from duologue.tenants import Tenant

REMEMBERED_MS = 5_000
"""A revoked key is good for so long at the most."""

_MAX_REMEMBERED = 10_000
_SCHEME = "bearer"

_caller: ContextVar[Tenant] = ContextVar("caller")


def caller() -> Tenant:
    """The tenant whose call is being served in this task."""
    return _caller.get()


def require_operator(tenant: Tenant) -> None:
    """Raises NotAllowed for everybody else."""
    if not tenant.is_operator:
        raise NotAllowed("this needs an operator's key")


class KeyRing:
    """Asks the store for each key once in a few seconds. Keeps digests only."""

    def __init__(
        self,
        tenant_of: Callable[[str], Awaitable[Tenant | None]],
        clock: Clock,
        is_present: Callable[[Tenant], bool] = lambda _tenant: True,
    ) -> None:
        """`is_present` says whether a tenant that is remembered was not deleted since."""
        self._tenant_of = tenant_of
        self._clock = clock
        self._is_present = is_present
        self._known: OrderedDict[bytes, tuple[float, Tenant | None]] = OrderedDict()

    async def admit(self, metadata: Iterable[tuple[str, str | bytes]]) -> Tenant:
        """The call's tenant, which `caller()` tells from now on; raises Unauthenticated."""
        tenant = await self._tenant(_key(metadata))
        if tenant is None:
            raise Unauthenticated("the API key is not valid")
        _caller.set(tenant)
        return tenant

    async def check(self, metadata: Iterable[tuple[str, str | bytes]], tenant: Tenant) -> None:
        """Raise Unauthenticated if the key that admitted the tenant would not do so any more."""
        found = await self._tenant(_key(metadata))
        if found is None or _identity(found) != _identity(tenant):
            raise Unauthenticated("the API key is not valid any more")

    async def _tenant(self, key: str) -> Tenant | None:
        digest, now_ms = hashlib.sha256(key.encode()).digest(), self._clock.now_ms()
        found = self._known.get(digest)
        if found is not None and now_ms < found[0]:
            tenant = found[1]
            if tenant is None or self._is_present(tenant):
                return tenant
        tenant = await self._tenant_of(key)
        self._known[digest] = (now_ms + REMEMBERED_MS, tenant)
        self._known.move_to_end(digest)
        while len(self._known) > _MAX_REMEMBERED:
            self._known.popitem(last=False)
        return tenant


def _identity(tenant: Tenant) -> tuple[str, int]:
    return tenant.tenant_id, tenant.generation


def _key(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    given = [value for name, value in metadata if name == "authorization"]
    if not given:
        raise Unauthenticated("metadata must have authorization: Bearer KEY")
    scheme, _, key = str(given[0]).partition(" ")
    if len(given) > 1 or scheme.lower() != _SCHEME or not key.strip():
        raise Unauthenticated("authorization must be: Bearer KEY, once")
    return key.strip()
