"""Who is calling: API keys and tokens, checked and then remembered for a moment."""

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from typing import Protocol

from duologue.clock import Clock, UnixClock
from duologue.gateway.errors import KeyExpired, NotAuthenticated, TokenExpired
from duologue.grants import Grant
from duologue.tenants import Tenant

REMEMBERED_MS = 5_000
"""A revoked key is good for so long at the most."""

_MAX_REMEMBERED = 10_000
_SCHEME = "bearer"
_KEY_BEGINS = "duo_"

Metadata = Iterable[tuple[str, str | bytes]]

_granted: ContextVar[Grant] = ContextVar("granted")


def granted() -> Grant:
    """What admitted the call that is being served in this task."""
    return _granted.get()


def caller() -> Tenant:
    """The tenant whose call it is."""
    return _granted.get().tenant


class Tokens(Protocol):
    """What knows the tokens of an identity provider."""

    async def grant_of(self, token: str) -> Grant:
        """What a token gives, be its time over or not; raises Unauthenticated."""
        ...


class KeyRing:
    """Asks for each key or token once in a few seconds. Keeps digests only."""

    def __init__(
        self,
        grant_of: Callable[[str], Awaitable[Grant | None]],
        clock: Clock,
        is_present: Callable[[Tenant], bool] = lambda _tenant: True,
        *,
        tokens: Tokens | None = None,
        token_grace_ms: float = 0.0,
        unix_clock: Clock | None = None,
    ) -> None:
        """`grant_of` knows API keys; `is_present` says whether a tenant that is remembered was not
        deleted since. Without `tokens` there are none."""
        self._grant_of = grant_of
        self._clock = clock
        self._is_present = is_present
        self._tokens = tokens
        self._token_grace_ms = token_grace_ms
        self._unix_clock = unix_clock or UnixClock()
        self._known: OrderedDict[bytes, tuple[float, Grant | None]] = OrderedDict()

    async def admit(self, metadata: Metadata) -> Grant:
        """What the call's key or token gives, which `granted()` tells from now on.

        Raises Unauthenticated.
        """
        grant = await self._grant(_credential(metadata))
        if grant is None:
            raise NotAuthenticated("the API key is not valid")
        self._require_time(grant)
        _granted.set(grant)
        return grant

    async def check(self, metadata: Metadata, granted: Grant) -> None:
        """Raise Unauthenticated if what was granted would not be any more; a token that has expired
        may go on for a moment."""
        self._require_time(granted, self._token_grace_ms if granted.is_token else 0.0)
        grant = await self._grant(_credential(metadata))
        if grant is None or _identity(grant.tenant) != _identity(granted.tenant):
            raise NotAuthenticated("the API key is not valid any more")

    def _require_time(self, grant: Grant, grace_ms: float = 0.0) -> None:
        if grant.has_expired(self._unix_clock.now_ms(), grace_ms):
            if grant.is_token:
                raise TokenExpired("the token has expired: call again with a new one")
            raise KeyExpired("the API key has expired")

    async def _grant(self, credential: str) -> Grant | None:
        digest, now_ms = hashlib.sha256(credential.encode()).digest(), self._clock.now_ms()
        found = self._known.get(digest)
        if found is not None and now_ms < found[0]:
            grant = found[1]
            if grant is None or self._is_present(grant.tenant):
                return grant
        if self._tokens is not None and not credential.startswith(_KEY_BEGINS):
            grant = await self._tokens.grant_of(credential)
        else:
            grant = await self._grant_of(credential)
        self._known[digest] = (now_ms + REMEMBERED_MS, grant)
        self._known.move_to_end(digest)
        while len(self._known) > _MAX_REMEMBERED:
            self._known.popitem(last=False)
        return grant


def _identity(tenant: Tenant) -> tuple[str, int]:
    return tenant.tenant_id, tenant.generation


def _credential(metadata: Metadata) -> str:
    given = [value for name, value in metadata if name == "authorization"]
    if not given:
        raise NotAuthenticated("metadata must have authorization: Bearer KEY")
    scheme, _, credential = str(given[0]).partition(" ")
    if len(given) > 1 or scheme.lower() != _SCHEME or not credential.strip():
        raise NotAuthenticated("authorization must be: Bearer KEY, once")
    return credential.strip()
