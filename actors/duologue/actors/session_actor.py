"""The session actor as a Ray actor: a process for one live session at a time.

Ray places it and tells of its death. Clients, the model and the store are reached over its own
connections; it imports neither torch nor transformers.
"""

import asyncio
import os
import sys
from contextlib import suppress

from duologue.actors.session_server import Bound, Ended, SessionServer
from duologue.errors import DuologueError
from duologue.settings import Settings
from duologue.store.store import Store
from duologue.telemetry.logs import start_logging
from duologue.telemetry.tracing import Tracing

MODEL_WITHIN_S = 60.0
HEAVY = ("torch", "transformers")


class SessionActor:
    """Warm once `start` has returned; then it waits for a session."""

    def __init__(self, settings: Settings, node_id: str, host: str) -> None:
        start_logging(settings.telemetry, "session")
        self._settings = settings
        self._node_id = node_id
        self._host = host
        self._tracing = Tracing.start(settings.telemetry, "session")
        self._store: Store | None = None
        self._server: SessionServer | None = None

    async def start(self) -> str:
        """Listen; returns the address. Raises StoreUnavailable.

        While there is no model, it waits a while for one: without its words, nothing is warm.
        """
        url = self._settings.store.url
        assert url is not None, "a session actor is told where the store is"
        self._store = await Store.connect(url, self._settings.store)
        owner = f"{self._node_id}/{os.getpid()}"
        self._server = SessionServer(
            self._store,
            self._settings,
            node_id=self._node_id,
            owner=owner,
            tracing=self._tracing,
        )
        await self._server.start(self._host)
        with suppress(TimeoutError):
            async with asyncio.timeout(MODEL_WITHIN_S):
                await self._server.ready()
        return self._server.address

    async def bind(
        self, tenant_id: str, session_id: str, known_epoch: int
    ) -> Bound | DuologueError:
        """Bring a session to life; an error is returned, so that Ray does not dress it up."""
        try:
            return await self._present.bind(tenant_id, session_id, known_epoch)
        except DuologueError as error:
            return error

    async def next_end(self) -> Ended:
        """Wait until a session is no longer held here."""
        return await self._present.ends.get()

    async def release(self, grace_ms: float, reason: str) -> None:
        """Let the session move, at a silent moment or at the end of the grace."""
        self._present.drain(grace_ms, reason)

    async def stop(self) -> None:
        """Let go of everything in order."""
        if self._server is not None:
            await self._server.stop()
        if self._store is not None:
            await self._store.aclose()
        await asyncio.to_thread(self._tracing.shutdown)

    async def stats(self) -> dict[str, object]:
        """What operators and tests want to know of the process."""
        return {
            "pid": os.getpid(),
            "sessions": len(self._present.sessions),
            "heavy": [name for name in HEAVY if name in sys.modules],
        }

    @property
    def _present(self) -> SessionServer:
        assert self._server is not None, "the actor was not started"
        return self._server
