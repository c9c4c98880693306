"""A cluster of Valkeys: three primaries, and replicas where a test wants some."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from redis import Redis
from redis.crc import key_slot
from redis.exceptions import RedisError

from duologue.store.valkey import EmbeddedValkey
from tests.store.raw_server import RawServer, until

NUM_SLOTS = 16_384
_CONFIG = (
    "cluster-enabled yes",
    "cluster-port {server.bus_port}",
    "cluster-node-timeout 1000",
    "cluster-replica-validity-factor 0",
    "repl-ping-replica-period 1",
)


class RawCluster:
    """Made of servers by the commands that an operator's tool would send."""

    def __init__(self, folder: Path, num_replicas: int = 0) -> None:
        servers = [RawServer(folder / str(number), *_CONFIG) for number in range(3 + num_replicas)]
        self.primaries, self.replicas = servers[:3], servers[3:]

    @property
    def servers(self) -> list[RawServer]:
        return [*self.primaries, *self.replicas]

    @property
    def url(self) -> str:
        """Which names two of its servers."""
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in self.primaries[:2])
        return f"redis+cluster://{hosts}"

    async def start(self) -> None:
        await asyncio.gather(*(server.start() for server in self.servers))
        first, *others = self.servers
        for number, server in enumerate(self.primaries):
            start = number * NUM_SLOTS // 3
            end = (number + 1) * NUM_SLOTS // 3 - 1
            server.command("CLUSTER", "ADDSLOTSRANGE", start, end)
            server.command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for other in others:
            other.command("CLUSTER", "MEET", "127.0.0.1", first.port, first.bus_port)
        await until(self._all_know_all, "the servers to meet", self._told)
        for number, replica in enumerate(self.replicas):
            replica.command("CLUSTER", "REPLICATE", self.id_of(self.primaries[number]))
        await until(self._is_in_order, "the cluster to be in order", self._told)

    async def stop(self) -> None:
        await asyncio.gather(*(server.stop() for server in self.servers))

    def id_of(self, server: RawServer) -> str:
        return _text(server.command("CLUSTER", "MYID"))

    def owner_of(self, key: str) -> RawServer:
        """Which of the servers has the key, as the first says that answers."""
        slot = key_slot(key.encode())
        for server in self.servers:
            try:
                slots = server.command("CLUSTER", "SLOTS")
            except RedisError:
                continue
            assert isinstance(slots, list)
            for start, end, (_, port, *_), *_ in slots:
                if start <= slot <= end:
                    return next(each for each in self.servers if each.port == port)
        raise AssertionError(f"nobody has {key}")

    def knows(self, server: RawServer, flag: str) -> bool:
        """Whether a server sees itself so, in the cluster's nodes."""
        nodes = _text(server.command("CLUSTER", "NODES")).splitlines()
        return any("myself" in node and flag in node.split()[2] for node in nodes)

    def _all_know_all(self) -> bool:
        return all(
            _text(server.command("CLUSTER", "NODES")).count("connected") == len(self.servers)
            and "handshake" not in _text(server.command("CLUSTER", "NODES"))
            for server in self.servers
        )

    def _is_in_order(self) -> bool:
        states = (_text(server.command("CLUSTER", "INFO")) for server in self.servers)
        are_ok = all("cluster_state:ok" in state for state in states)
        links = [server.info("replication").get("master_link_status") for server in self.replicas]
        return are_ok and all(link == "up" for link in links)

    def _told(self) -> list[str]:
        return [_text(server.command("CLUSTER", "NODES")) for server in self.servers]


class RawClients:
    """What tests ask of a single server's client, of all servers of a cluster together."""

    def __init__(self, cluster: RawCluster) -> None:
        self._clients = {server: server.client() for server in cluster.primaries}
        self._cluster = cluster

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients.values():
            client.close()

    def flushall(self) -> None:
        for client in self._clients.values():
            client.flushall()

    def scan_iter(self, match: str | None = None) -> Iterator[bytes]:
        for client in self._clients.values():
            yield from client.scan_iter(match)

    def dbsize(self) -> int:
        return sum(client.dbsize() for client in self._clients.values())

    def client_list(self) -> Sequence[object]:
        # One of them is to be counted as the client that asks, as at a single server.
        return [each for client in self._clients.values() for each in client.client_list()][2:]

    def time(self) -> tuple[int, int]:
        return next(iter(self._clients.values())).time()

    def of(self, key: str) -> Redis:
        return self._clients[self._cluster.owner_of(key)]

    def __getattr__(self, name: str):  # type: ignore[no-untyped-def]
        """A command by its first argument, the key."""

        def command(key, *arguments, **options):  # type: ignore[no-untyped-def]
            text = key.decode() if isinstance(key, bytes) else key
            return getattr(self.of(text), name)(key, *arguments, **options)

        return command


Servers = EmbeddedValkey | RawCluster
"""A store's, which may be one."""


def behind(server: Servers) -> Redis | RawClients:
    """A client of the server, or of all servers of the cluster."""
    return RawClients(server) if isinstance(server, RawCluster) else Redis.from_url(server.url)


def _text(answer: object) -> str:
    assert isinstance(answer, (bytes, str)), answer
    return answer.decode() if isinstance(answer, bytes) else answer
