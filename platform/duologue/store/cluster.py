"""A cluster: each key has a slot, and each slot one server, which may change at any time.

The map of slots is read from the cluster. A server that has a slot no longer says who has it
(MOVED); it is believed at once, and after a few of those the map is read again. It is also read
again when a server fails.
"""

import asyncio
import random
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    AuthenticationError,
    ClusterDownError,
    ConnectionError,
    MovedError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from duologue.errors import StoreIncompatible
from duologue.store.address import Place, StoreAddress
from duologue.store.server import StoreServer, execute
from duologue.store.topology import Topology, leads_astray

_LOOK_S = 1.0
_MAX_MOVED = 8


class Cluster(Topology):
    """A pool of connections for each of its primaries. Nothing is read from replicas.

    Not by the client library's own class for clusters: that has no bound that calls wait for, sends
    ASKING by another connection than the command that it is meant for, and reads the list of all
    commands, a few hundred kilobytes, with every map.
    """

    def __init__(self, address: StoreAddress) -> None:
        self._address = address
        self._map = _SlotMap(())
        self._moved: dict[int, Place] = {}
        """What was said since the map was read."""
        self._servers: dict[Place, StoreServer] = {}
        self._lock = asyncio.Lock()
        self._num_looks = 0

    def server_of(self, key: str) -> StoreServer | None:
        slot = key_slot(key.encode())
        place = self._moved.get(slot) or self._map.owner(slot)
        return None if place is None else self._at(place)

    async def find(self, key: str) -> StoreServer:
        await self._look()
        server = self.server_of(key)
        if server is None:
            raise ClusterDownError(f"no server has slot {key_slot(key.encode())}")
        return server

    async def learn(self, server: StoreServer, error: Exception) -> StoreServer | None:
        if isinstance(error, AskError):
            place = (error.host or _host(server), error.port)
            if not isinstance(error, MovedError):
                return self._at(place)  # the slot is on its way, and this key is there already
            self._moved[error.slot_id] = place
            if len(self._moved) > _MAX_MOVED:
                await self._look_if_possible(None)
        elif not isinstance(error, TryAgainError):
            if leads_astray(error):
                await server.leave()
            await self._look_if_possible(server)
        return None

    def servers(self) -> Sequence[StoreServer]:
        return tuple(self._at(place) for place in self._map.places)

    async def aclose(self) -> None:
        for server in self._servers.values():
            await server.aclose()

    def _at(self, place: Place) -> StoreServer:
        return self._servers.get(place) or self._servers.setdefault(
            place, StoreServer(self._address, place)
        )

    async def _look_if_possible(self, failed: StoreServer | None) -> None:
        try:
            await self._look(failed)
        except RedisError:  # we go on with what we know, and whoever calls is told what failed
            return

    async def _look(self, failed: StoreServer | None = None) -> None:
        """Read the map, of whichever server gives it; of one that has just failed, at the last."""
        before = self._num_looks
        async with self._lock:
            if self._num_looks != before:
                return  # another has, while we waited
            self._num_looks += 1
            self._map = await self._read_map(failed)
            self._moved.clear()
            await self._close_strangers()

    async def _read_map(self, failed: StoreServer | None) -> "_SlotMap":
        known = list(self._map.places)
        random.shuffle(known)
        places = dict.fromkeys((*known, *self._address.places))
        silent = []
        for place in sorted(places, key=lambda each: failed is not None and each == failed.place):
            server = self._at(place)
            try:
                async with asyncio.timeout(_LOOK_S):
                    with server.used() as redis:
                        slots = await execute(redis, "CLUSTER SLOTS")
            except AuthenticationError:
                raise
            except (RedisError, OSError) as error:
                if isinstance(error, ResponseError) and "cluster support disabled" in str(error):
                    raise StoreIncompatible(
                        f"the server at {server} is not part of a cluster: store.url must be"
                        " redis://... instead"
                    ) from error
                silent.append(f"{server}: {str(error) or f'nothing within {_LOOK_S:g} s'}")
                continue
            if slots:
                return _SlotMap.read(slots, _host(server))
            silent.append(f"{server}: its cluster has no slots")
        raise ConnectionError(f"no server tells who has which slot ({'; '.join(silent)})")

    async def _close_strangers(self) -> None:
        """Close the servers that the cluster has no longer, unless a call still uses them."""
        wanted = {*self._map.places, *self._address.places}
        for place, server in tuple(self._servers.items()):
            if place not in wanted and server.is_idle:
                del self._servers[place]
                await server.aclose()


class _SlotMap:
    """Who has which slot; ranges, for there are 16,384 slots and few servers."""

    def __init__(self, ranges: Sequence[tuple[int, int, Place]]) -> None:
        self._ranges = sorted(ranges)
        self._starts = [start for start, _, _ in self._ranges]
        self.places = tuple(dict.fromkeys(place for _, _, place in self._ranges))

    @classmethod
    def read(cls, slots: Sequence[Sequence[Any]], host: str) -> "_SlotMap":
        """From what a server at the host says."""
        return cls(
            [
                (int(start), int(end), (_text(primary[0]) or host, int(primary[1])))
                for start, end, primary, *_ in slots
                if _text(primary[0]) != "?"  # it does not know where that one is
            ]
        )

    def owner(self, slot: int) -> Place | None:
        """The server of a slot, if there is one."""
        index = bisect_right(self._starts, slot) - 1
        if index < 0:
            return None
        _, end, place = self._ranges[index]
        return place if slot <= end else None


def _host(server: StoreServer) -> str:
    assert server.place is not None, "clusters have no sockets"
    return server.place[0]


def _text(value: bytes | str | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""
