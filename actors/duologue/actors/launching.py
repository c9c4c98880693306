"""How a node agent gets session actors: by Ray, or in its own process."""

from typing import Protocol

from duologue.actors.session_server import Bound, Ended


class ActorLost(Exception):
    """The session actor's process is gone."""


class ActorHandle(Protocol):
    """A session actor from afar. Every method may raise ActorLost."""

    address: str

    async def bind(self, tenant_id: str, session_id: str, known_epoch: int) -> Bound:
        """Bring a session to life; raises what `SessionServer.bind` does."""
        ...

    async def next_end(self) -> Ended:
        """Wait until it does not hold its session any more."""
        ...

    async def release(self, grace_ms: float, reason: str) -> None:
        """Let its session move."""
        ...

    async def end(self) -> None:
        """End the process. Raises nothing."""
        ...


class Launcher(Protocol):
    """Starts session actors."""

    async def launch(self) -> ActorHandle:
        """One that is warm; raises ActorLost if it does not come up."""
        ...
