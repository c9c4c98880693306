"""A primary that sentinels name: they are asked at first, and again whenever it fails."""

import asyncio
import builtins
from collections.abc import Sequence

from redis.exceptions import AuthenticationError, ConnectionError, RedisError

from duologue.store.address import Place, StoreAddress
from duologue.store.server import StoreServer, execute
from duologue.store.topology import Topology, leads_astray

_ASK_S = 0.5


class Sentinels(Topology):
    """Connections are made to a primary only: what the sentinels say may be out of date."""

    def __init__(self, address: StoreAddress) -> None:
        self._address = address
        self._sentinels = [_Sentinel(address, place) for place in address.places]
        self._primary: StoreServer | None = None
        self._former: list[StoreServer] = []
        self._lock = asyncio.Lock()
        self._num_looks = 0

    def server_of(self, key: str) -> StoreServer | None:
        return self._primary

    async def find(self, key: str) -> StoreServer:
        async with self._lock:
            if self._primary is None:
                self._primary = self._at(await self._ask())
            return self._primary

    async def learn(self, server: StoreServer, error: Exception) -> StoreServer | None:
        """Ask for the primary again. If no sentinel answers, it stays the one that it was."""
        before = self._num_looks
        async with self._lock:
            if server is self._primary and self._num_looks == before:
                self._num_looks += 1
                if leads_astray(error):
                    await server.leave()
                await self._close_former()
                await self._look_again(server)
        return None

    def servers(self) -> Sequence[StoreServer]:
        return () if self._primary is None else (self._primary,)

    async def aclose(self) -> None:
        for server in (*self.servers(), *self._former):
            await server.aclose()
        for sentinel in self._sentinels:
            await sentinel.aclose()

    def _at(self, place: Place) -> StoreServer:
        return StoreServer(self._address, place, only_primary=True)

    async def _look_again(self, server: StoreServer) -> None:
        try:
            place = await self._ask()
        except RedisError:
            return
        if place != server.place:
            self._primary = self._at(place)
            self._former.append(server)

    async def _close_former(self) -> None:
        """Close those that no call uses any more."""
        idle = [server for server in self._former if server.is_idle]
        self._former = [server for server in self._former if server not in idle]
        for server in idle:
            await server.aclose()

    async def _ask(self) -> Place:
        """Where the primary is, as the first sentinel says that answers; the next time it is
        another's turn, for one of them may be cut off and know only what was."""
        silent = []
        for sentinel in tuple(self._sentinels):
            self._sentinels.append(self._sentinels.pop(0))
            try:
                place = await sentinel.primary(self._address.service)
            except (RedisError, OSError) as error:
                silent.append(f"{sentinel}: {error}")
                continue
            if place is not None:
                return place
            silent.append(f"{sentinel}: it knows no service {self._address.service!r}")
        raise ConnectionError(f"no sentinel names a primary ({'; '.join(silent)})")


class _Sentinel:
    """One of them. It may have the servers' password, or none."""

    def __init__(self, address: StoreAddress, place: Place) -> None:
        self._address = address
        self._place = place
        self._server = self._connected(with_password=True)

    def __str__(self) -> str:
        return str(self._server)

    async def primary(self, service: str) -> Place | None:
        """Where it believes the primary to be; None if it does not know the service."""
        try:
            return await self._primary(service)
        except AuthenticationError:
            await self._server.aclose()
            self._server = self._connected(with_password=False)
            return await self._primary(service)

    async def aclose(self) -> None:
        await self._server.aclose()

    async def _primary(self, service: str) -> Place | None:
        command = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service)
        try:
            with self._server.used() as redis:
                async with asyncio.timeout(_ASK_S):
                    found = await execute(redis, *command)
        except builtins.TimeoutError:
            raise ConnectionError(f"nothing within {_ASK_S:g} s") from None
        return None if found is None else (_text(found[0]), int(found[1]))

    def _connected(self, *, with_password: bool) -> StoreServer:
        return StoreServer(
            self._address,
            self._place,
            is_sentinel=True,
            with_password=with_password,
            connect_s=_ASK_S,
        )


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
