"""Whether this gateway is alive (service ""), and whether clients should come to it."""

import logging

from grpc_health.v1 import health_pb2  # type: ignore[import-untyped]
from grpc_health.v1.health import aio  # type: ignore[import-untyped]

from duologue.background import repeatedly
from duologue.errors import DuologueError
from duologue.store.store import Store

SERVICES = ("duologue.v1.ConversationService", "duologue.v1.AdminService")
LIVENESS = ""

_CHECK_S = 1.0

log = logging.getLogger(__name__)


class Health:
    """Ready while the store answers and the gateway is not told to stop."""

    def __init__(self, store: Store) -> None:
        self.servicer = aio.HealthServicer()
        self._store = store
        self._is_draining = False

    async def start(self) -> None:
        """Alive, and not ready before the first check."""
        await self.servicer.set(LIVENESS, health_pb2.HealthCheckResponse.SERVING)
        await self.check()

    async def watch(self) -> None:
        """Check for ever."""
        await repeatedly(_CHECK_S, self.check, "the check of the store")

    async def check(self) -> None:
        """Ask the store, and tell those who watch."""
        try:
            await self._store.nodes()
            is_ready = not self._is_draining
        except DuologueError as error:
            log.warning("not ready: %s", error)
            is_ready = False
        await self._tell(is_ready)

    async def drain(self) -> None:
        """From now on not ready; still alive."""
        self._is_draining = True
        await self._tell(False)

    async def _tell(self, is_ready: bool) -> None:
        response = health_pb2.HealthCheckResponse
        status = response.SERVING if is_ready else response.NOT_SERVING
        for service in SERVICES:
            await self.servicer.set(service, status)
