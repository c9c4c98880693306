"""Whether this gateway is alive (service ""), and whether clients should come to it."""

import logging
from collections.abc import Callable, Sequence

from duologue.background import repeatedly
from duologue.clock import Clock, MonotonicClock
from duologue.cluster_status import NodeStatus
from duologue.errors import DuologueError
from duologue.health_board import HealthBoard
from duologue.store.store import Store

SERVICES = ("duologue.v1.ConversationService", "duologue.v1.AdminService")
LIVENESS = ""

_CHECK_S = 1.0

OnCheck = Callable[[Sequence[NodeStatus] | None, float], None]
"""on_check(nodes, took_ms): what the store answered; None when it did not."""

log = logging.getLogger(__name__)


class GatewayHealth:
    """Ready while the store answers and the gateway is not told to stop."""

    def __init__(
        self,
        store: Store,
        *,
        on_check: OnCheck = lambda _nodes, _took_ms: None,
        clock: Clock | None = None,
    ) -> None:
        self.board = HealthBoard()
        self._store = store
        self._on_check = on_check
        self._clock = clock or MonotonicClock()
        self._is_draining = False

    @property
    def is_ready(self) -> bool:
        """Whether clients should come."""
        return all(self.board.told(service) for service in SERVICES)

    async def start(self) -> None:
        """Alive, and not ready before the first check."""
        self.board.tell(LIVENESS, True)
        await self.check()

    async def watch(self) -> None:
        """Check for ever."""
        await repeatedly(_CHECK_S, self.check, "the check of the store")

    async def check(self) -> None:
        """Ask the store, and tell those who watch."""
        nodes, began_ms = None, self._clock.now_ms()
        try:
            nodes = await self._store.nodes()
        except DuologueError as error:
            log.warning("not ready: %s", error)
        self._on_check(nodes, self._clock.now_ms() - began_ms)
        self._tell(nodes is not None and not self._is_draining)

    def drain(self) -> None:
        """From now on not ready; still alive."""
        self._is_draining = True
        self._tell(False)

    def _tell(self, is_ready: bool) -> None:
        for service in SERVICES:
            self.board.tell(service, is_ready)
