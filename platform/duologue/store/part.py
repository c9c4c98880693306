"""What the parts of the store have in common: the connection, and a tenant's lists."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from duologue.errors import QuotaUsedUp, SessionEnded, StaleEpoch, UnknownSession
from duologue.service_settings import StoreSettings
from duologue.store.connection import Argument, Connection
from duologue.store.keys import SessionKeys, TenantKeys
from duologue.store.limits import StoreLimits
from duologue.store.realms import Realms
from duologue.store.scripts import LIST_SESSION, LuaScript
from duologue.usage import Usage

ROOM_AGAIN_MS = 60_000
"""When a tenant with too many sessions or bytes may try again: it has to close some, or to wait
until some are forgotten."""


@dataclass(frozen=True, slots=True)
class ListedSession:
    """What a tenant's lists are to know of a session."""

    usage: Usage
    num_bytes: int

    @classmethod
    def of(cls, answer: Sequence[bytes]) -> "ListedSession":
        """From the numbers in which scripts tell of it."""
        *counts, num_bytes = answer
        return cls(usage_of(counts), int(num_bytes))


class StorePart:
    """Some of the store's methods; `Store` is all of them together."""

    def __init__(
        self, connection: Connection, settings: StoreSettings, limits: StoreLimits
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._limits = limits
        self._realms = Realms(connection)

    @property
    def _ttl_ms(self) -> int:
        return self._settings.session_ttl_s * 1000

    @property
    def _listing_ms(self) -> int:
        """How often a live session is listed anew; what it does in between is one round trip."""
        return min(self._settings.lease_ms // 3, self._ttl_ms // 4)

    async def _list(
        self,
        tenant_id: str,
        session_id: str,
        told: ListedSession,
        *,
        is_live: bool | None = None,
        created_ms: int | None = None,
    ) -> None:
        """Tell the tenant's lists of a session: that it exists, its usage and bytes, and whether it
        is live (None leaves that as it is).

        They lie on another node of a cluster than the session, so this is a step of its own. It
        gives whole states, no differences: the next time makes up for one that was lost.
        """
        live_ms: int | str = "" if is_live is None else 0
        if is_live:
            live_ms = self._settings.lease_ms + self._listing_ms
        created: int | str = "" if created_ms is None else created_ms
        what = (self._connection.now, session_id, self._ttl_ms, live_ms, created)
        arguments = (*what, *told.usage.counts, told.num_bytes)
        keys = await self._tenant_keys(tenant_id)
        await self._connection.run(LIST_SESSION, keys.all, arguments)

    async def _tenant_keys(self, tenant_id: str) -> TenantKeys:
        return TenantKeys.of(await self._realms.of(tenant_id))

    async def _session_keys(self, tenant_id: str, session_id: str) -> SessionKeys:
        return SessionKeys.of(await self._realms.of(tenant_id), session_id)

    async def _run(
        self, script: LuaScript, tenant_id: str, session_id: str, arguments: Sequence[Argument] = ()
    ) -> Any:
        """What a script answers that works on a session. Its tenant may be another one by now,
        which shows in that the session is unknown."""
        keys = await self._session_keys(tenant_id, session_id)
        answer = await self._connection.run(script, keys.all, arguments)
        if answer[0] == b"unknown" and await self._realms.has_changed(tenant_id):
            keys = await self._session_keys(tenant_id, session_id)
            answer = await self._connection.run(script, keys.all, arguments)
        return answer


def too_many_bytes(limit: int) -> QuotaUsedUp:
    """The refusal of a tenant whose sessions are too large together."""
    return QuotaUsedUp(
        f"the sessions that are kept have {limit} bytes together, as many as they may: close some",
        retry_after_ms=ROOM_AGAIN_MS,
    )


def usage_of(counts: Sequence[bytes]) -> Usage:
    """From the numbers in which scripts tell of it."""
    return Usage(*(int(count) for count in counts))


def refuse(answer: Sequence[bytes], tenant_id: str, session_id: str, epoch: int = 0) -> None:
    """Raise what a script's answer stands for; returns only if that is "ok"."""
    match answer[0]:
        case b"ok":
            return
        case b"unknown":
            raise UnknownSession(f"there is no session {session_id!r} of tenant {tenant_id!r}")
        case b"over":
            raise SessionEnded(f"session {session_id!r} is closed")
        case b"stale":
            raise StaleEpoch(
                f"session {session_id!r} is not held under epoch {epoch} any more; it is at"
                f" {int(answer[1])}"
            )
        case b"gap":
            raise StaleEpoch(
                f"the journal of session {session_id!r} has {int(answer[1])} entries, which is not"
                " what its holder knows: it must be taken anew"
            )
        case other:
            raise AssertionError(f"no script answers {other!r}")
