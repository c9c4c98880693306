"""Which server serves a key now, and what is learnt from a server that did not."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from redis.exceptions import (
    AskError,
    BusyLoadingError,
    ConnectionError,
    ReadOnlyError,
    TimeoutError,
)

from duologue.errors import StoreIncompatible
from duologue.store.address import StoreAddress
from duologue.store.server import StoreServer


class Topology(ABC):
    """The servers of one address."""

    has_others: bool = True
    """Whether another server may take over from one that fails."""

    @abstractmethod
    def server_of(self, key: str) -> StoreServer | None:
        """The server that has the key as far as is known; None if it must be looked for."""

    @abstractmethod
    async def find(self, key: str) -> StoreServer:
        """Look for the server that has the key; raises RedisError if none can be found now."""

    @abstractmethod
    async def learn(self, server: StoreServer, error: Exception) -> StoreServer | None:
        """What follows from a server's refusal or silence.

        Returns the server to ask instead for this once, if it named one.
        """

    @abstractmethod
    def servers(self) -> Sequence[StoreServer]:
        """Those that are known to be in use."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close all connections; no call is under way any more."""


def leads_astray(error: Exception) -> bool:
    """Whether what failed is the way to the server, or that it is not the one it was."""
    astray = (ReadOnlyError, ConnectionError, TimeoutError, OSError)
    return isinstance(error, astray) and not isinstance(error, BusyLoadingError)


class OneServer(Topology):
    """A server, or a name behind which one server at a time answers."""

    has_others = False

    def __init__(self, address: StoreAddress) -> None:
        self._server = StoreServer(address)

    def server_of(self, key: str) -> StoreServer | None:
        return self._server

    async def find(self, key: str) -> StoreServer:
        return self._server

    async def learn(self, server: StoreServer, error: Exception) -> StoreServer | None:
        """Its name may lead to another one by now: then only new connections reach that."""
        if isinstance(error, AskError):
            raise StoreIncompatible(
                f"the server at {server} is part of a cluster: store.url must be"
                " redis+cluster://... instead"
            ) from error
        if isinstance(error, (ReadOnlyError, TimeoutError)):
            await server.leave()
        return None

    def servers(self) -> Sequence[StoreServer]:
        return (self._server,)

    async def aclose(self) -> None:
        await self._server.aclose()
