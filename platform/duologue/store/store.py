"""The store as its users see it."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from duologue.service_settings import StoreSettings
from duologue.store.connection import Connection
from duologue.store.journal import JournalStore
from duologue.store.leases import LeaseStore
from duologue.store.limits import StoreLimits
from duologue.store.nodes import NodeStore
from duologue.store.quotas import QuotaStore
from duologue.store.resuming import ResumeStore
from duologue.store.sessions import SessionStore
from duologue.store.tenants import TenantStore


class Store(
    TenantStore, SessionStore, ResumeStore, LeaseStore, JournalStore, NodeStore, QuotaStore
):
    """Everything that outlives a process. One per event loop; its methods may run side by side.

    Any of them may raise StoreUnavailable, within a bounded time.
    """

    @classmethod
    async def connect(
        cls,
        url: str,
        settings: StoreSettings | None = None,
        *,
        limits: StoreLimits | None = None,
        now_ms: Callable[[], int] | None = None,
    ) -> Self:
        """Connect to the Redis or Valkey at the URL, and check that its contents are of our schema.

        A server that throws out keys is named in the log. Raises StoreUnavailable, or
        StoreIncompatible. Leases and rates go by the server's clock; `now_ms` (Unix milliseconds)
        replaces it in tests.
        """
        connection = Connection(url, now_ms)
        try:
            await connection.check_schema()
            await connection.warn_of_eviction()
        except BaseException:
            await connection.aclose()
            raise
        return cls(connection, settings or StoreSettings(), limits or StoreLimits())

    async def aclose(self) -> None:
        """Close all connections."""
        await self._connection.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()
