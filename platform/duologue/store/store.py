"""The store as its users see it."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from duologue.service_settings import StoreSettings
from duologue.store.journal import JournalStore
from duologue.store.leases import LeaseStore
from duologue.store.nodes import NodeStore
from duologue.store.quotas import QuotaStore
from duologue.store.sessions import SessionStore
from duologue.store.tenants import TenantStore


class Store(TenantStore, SessionStore, LeaseStore, JournalStore, NodeStore, QuotaStore):
    """Everything that outlives a process. One per event loop; its methods may run side by side.

    Any of them may raise StoreUnavailable, within a bounded time.
    """

    @classmethod
    async def connect(
        cls,
        url: str,
        settings: StoreSettings | None = None,
        *,
        now_ms: Callable[[], int] | None = None,
    ) -> Self:
        """Connect to the Redis or Valkey at the URL, and check that its contents are of our schema.

        Raises StoreUnavailable, or StoreIncompatible. Leases and rates go by the server's clock;
        `now_ms` (Unix milliseconds) replaces it in tests.
        """
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close all connections."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()
