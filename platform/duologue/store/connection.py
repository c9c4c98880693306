"""The connection to the server: a bounded pool, time limits, few retries, scripts by digest.

A command is given 2 s, a free connection is waited for 2 s, and whatever fails on the way is tried
twice more: within about 10 s every call has an answer or raises StoreUnavailable. So every write
must bear being done twice (the scripts say how).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import (
    ConnectionError,
    MasterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    TimeoutError,
    TryAgainError,
)

from duologue.errors import CapacityExceeded, StoreIncompatible, StoreUnavailable
from duologue.store.keys import SCHEMA_KEY, SCHEMA_VERSION
from duologue.store.scripts import Script

Argument = str | bytes | int | float
Call = tuple[Script, Sequence[str], Sequence[Argument]]

_MAX_CONNECTIONS = 32
_POOL_S = 2.0
_COMMAND_S = 2.0
_RETRIES = 2
_PASSING = (ConnectionError, TimeoutError, MasterDownError, ReadOnlyError, TryAgainError, OSError)


class Connection:
    """One pool of connections to one server. Scripts get the time as their first argument."""

    def __init__(self, url: str, now_ms: Callable[[], int] | None = None) -> None:
        """The URL may be redis://, rediss:// or unix://; nothing is connected yet."""
        self._name = _without_password(url)
        self._now_ms = now_ms
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_MAX_CONNECTIONS,
            timeout=_POOL_S,
            socket_timeout=_COMMAND_S,
            socket_connect_timeout=_COMMAND_S,
            health_check_interval=15,
            retry=Retry(ExponentialBackoff(cap=0.25, base=0.025), _RETRIES),
        )
        self._redis = Redis.from_pool(pool)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._redis.aclose()

    @property
    def now(self) -> str:
        """What scripts take as the time: empty for the server's own."""
        return "" if self._now_ms is None else str(self._now_ms())

    async def check_schema(self) -> None:
        """Mark an empty store as of our schema; raises StoreIncompatible for another one."""
        with self._translated():
            await self._redis.set(SCHEMA_KEY, SCHEMA_VERSION, nx=True)
            found = await self._redis.get(SCHEMA_KEY)
        if found != str(SCHEMA_VERSION).encode():
            shown = found.decode(errors="replace")[:40] if isinstance(found, bytes) else found
            raise StoreIncompatible(
                f"the store at {self._name} is of schema {shown!r}, this version of Duologue works"
                f" with schema {SCHEMA_VERSION}: use the version that wrote it, or another store"
            )

    async def run(
        self, script: Script, keys: Sequence[str], arguments: Sequence[Argument] = ()
    ) -> Any:
        """What one script answers."""
        with self._translated():
            try:
                return await self._evaluate(script.sha, keys, arguments)
            except NoScriptError:  # the server is new to it, or was started anew
                await self._redis.script_load(script.source)
                return await self._evaluate(script.sha, keys, arguments)

    async def run_all(self, calls: Sequence[Call]) -> list[Any]:
        """What scripts answer, in one round trip; others may come in between them."""
        with self._translated():
            try:
                return await self._evaluate_all(calls)
            except NoScriptError:
                for source in {script.source for script, _, _ in calls}:
                    await self._redis.script_load(source)
                return await self._evaluate_all(calls)

    async def read_together(self, *commands: tuple[str | int, ...]) -> list[Any]:
        """What plain reading commands answer, as of one moment."""
        with self._translated():
            async with self._redis.pipeline(transaction=True) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                return await pipeline.execute()

    async def _evaluate(self, sha: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        call = self._redis.evalsha(sha, len(keys), *keys, *cast(Sequence[str], arguments))
        return await call

    async def _evaluate_all(self, calls: Sequence[Call]) -> list[Any]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for script, keys, arguments in calls:
                pipeline.evalsha(script.sha, len(keys), *keys, *cast(Sequence[str], arguments))
            return await pipeline.execute()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the client library's errors into ours."""
        try:
            yield
        except _PASSING as error:
            raise StoreUnavailable(f"the store at {self._name} does not answer: {error}") from error
        except OutOfMemoryError as error:
            raise CapacityExceeded(f"the store at {self._name} is full: {error}") from error
        except RedisError as error:
            raise StoreIncompatible(f"the store at {self._name} refuses: {error}") from error


def _without_password(url: str) -> str:
    """The URL as it may be shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
