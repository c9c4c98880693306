"""A primary, its replica, and a sentinel that watches them."""

import asyncio
from contextlib import suppress
from pathlib import Path

from redis.exceptions import ResponseError

from tests.store.raw_server import RawServer, free_ports, until

SERVICE = "main"
_CONFIG = ("repl-ping-replica-period 1",)


class RawSentinels:
    """One sentinel decides alone here. Its URL names another one too, which is not there."""

    def __init__(self, folder: Path, password: str = "") -> None:
        self._password = password
        user = f"user app on >{password} ~* &* +@all"
        secret = [f"requirepass {password}", f"masterauth {password}", user] if password else []
        self.primary = RawServer(folder / "primary", *_CONFIG, *secret, password=password)
        self.replica = RawServer(folder / "replica", *_CONFIG, *secret, password=password)
        self.sentinel = RawServer(folder / "sentinel", is_sentinel=True)

    @property
    def url(self) -> str:
        (nobody,) = free_ports(1)
        credentials = f":{self._password}@" if self._password else ""
        hosts = f"127.0.0.1:{nobody},127.0.0.1:{self.sentinel.port}"
        return f"redis+sentinel://{credentials}{hosts}/{SERVICE}"

    async def start(self) -> None:
        await asyncio.gather(
            *(each.start() for each in (self.primary, self.replica, self.sentinel))
        )
        self.replica.command("REPLICAOF", "127.0.0.1", self.primary.port)
        await until(self.is_replicated, "the replica to have all", lambda: self.replica.log)
        self.watch(self.primary)
        await until(self._knows_replica, "the sentinel to know the replica")

    async def stop(self) -> None:
        await asyncio.gather(*(each.stop() for each in (self.sentinel, self.primary, self.replica)))

    def watch(self, primary: RawServer) -> None:
        """Have the sentinel take this server for the primary."""
        self.sentinel.command("SENTINEL", "MONITOR", SERVICE, "127.0.0.1", primary.port, 1)
        settings = {"down-after-milliseconds": 500, "failover-timeout": 5_000}
        for name, value in settings.items():
            self.sentinel.command("SENTINEL", "SET", SERVICE, name, value)
        if self._password:
            self.sentinel.command("SENTINEL", "SET", SERVICE, "auth-pass", self._password)

    def forget(self) -> None:
        """Have the sentinel watch nothing."""
        self.sentinel.command("SENTINEL", "REMOVE", SERVICE)

    def swap(self) -> None:
        """Change the roles behind the sentinel's back; all connections stay open."""
        self.replica.command("REPLICAOF", "NO", "ONE")
        self.primary.command("REPLICAOF", "127.0.0.1", self.replica.port)

    def is_replicated(self) -> bool:
        """Whether the replica has all that the primary has."""
        return self.replica.has_all_of(self.primary)

    def begins_failover(self) -> bool:
        """Have the sentinel change the roles; False if it cannot yet."""
        with suppress(ResponseError):
            self.sentinel.command("SENTINEL", "FAILOVER", SERVICE, "COORDINATED")
            return True
        return False

    def named(self) -> int:
        """The port of the server that the sentinel names."""
        found = self.sentinel.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        assert isinstance(found, list)
        return int(found[1])

    def _knows_replica(self) -> bool:
        replicas = self.sentinel.command("SENTINEL", "REPLICAS", SERVICE)
        assert isinstance(replicas, list)
        return bool(replicas) and "master-link-status" in str(replicas) and "ok" in str(replicas)
