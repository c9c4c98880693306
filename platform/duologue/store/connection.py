"""The connection to the server: a bounded pool, time limits, few retries, scripts by digest.

A command is given 2 s, a free connection is waited for 2 s, and what fails on the way is tried
twice more. Within 5 s, whatever happens, a call has an answer or raises StoreUnavailable. So every
write must bear being done twice (the scripts say how).
"""

import asyncio
import builtins
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
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
T = TypeVar("T")
Call = tuple[Script, Sequence[str], Sequence[Argument]]

_MAX_CONNECTIONS = 32
_POOL_S = 2.0
_COMMAND_S = 2.0
_CALL_S = 5.0
_PAUSES_S = (0.02, 0.1)
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
            retry=Retry(NoBackoff(), 0),  # the library's retries nest; ours have one bound
        )
        self._redis = Redis.from_pool(pool)
        self._is_closed = False
        self._num_calls = 0
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    async def aclose(self) -> None:
        """Refuse further calls, let those under way end, and close all connections."""
        self._is_closed = True
        # The pool forgets what it closes: a call that went on would open a connection for nobody.
        await self._is_idle.wait()
        await self._redis.aclose()

    @property
    def now(self) -> str:
        """What scripts take as the time: empty for the server's own."""
        return "" if self._now_ms is None else str(self._now_ms())

    async def check_schema(self) -> None:
        """Mark an empty store as of our schema; raises StoreIncompatible for another one."""

        async def mark() -> Any:
            await self._redis.set(SCHEMA_KEY, SCHEMA_VERSION, nx=True)
            return await self._redis.get(SCHEMA_KEY)

        found = await self._bounded(mark)
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

        async def evaluate() -> Any:
            try:
                return await self._evaluate(script.sha, keys, arguments)
            except NoScriptError:  # the server is new to it, or was started anew
                await self._redis.script_load(script.source)
                return await self._evaluate(script.sha, keys, arguments)

        return await self._bounded(evaluate)

    async def run_all(self, calls: Sequence[Call]) -> list[Any]:
        """What scripts answer, in one round trip; others may come in between them."""

        async def evaluate() -> list[Any]:
            try:
                return await self._evaluate_all(calls)
            except NoScriptError:
                for source in {script.source for script, _, _ in calls}:
                    await self._redis.script_load(source)
                return await self._evaluate_all(calls)

        return await self._bounded(evaluate)

    async def read_together(self, *commands: tuple[str | int, ...]) -> list[Any]:
        """What plain reading commands answer, as of one moment."""

        async def read() -> list[Any]:
            async with self._redis.pipeline(transaction=True) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                return await pipeline.execute()

        return await self._bounded(read)

    async def _bounded(self, call: Callable[[], Awaitable[T]]) -> T:
        """The answer to a call that is tried a few times, within its time."""
        with self._counted(), _cancellable(), self._translated():
            async with asyncio.timeout(_CALL_S) as limit:
                for pause_s in _PAUSES_S:
                    try:
                        return await call()
                    except _PASSING:
                        if limit.expired():  # and breaking off was swallowed: see _cancellable
                            raise builtins.TimeoutError from None
                        await asyncio.sleep(pause_s)
                return await call()

    async def _evaluate(self, sha: str, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        call = self._redis.evalsha(sha, len(keys), *keys, *cast(Sequence[str], arguments))
        return await call

    async def _evaluate_all(self, calls: Sequence[Call]) -> list[Any]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for script, keys, arguments in calls:
                pipeline.evalsha(script.sha, len(keys), *keys, *cast(Sequence[str], arguments))
            return await pipeline.execute()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """A call, while it is under way; raises StoreUnavailable if it comes too late."""
        if self._is_closed:
            raise StoreUnavailable(f"the connection to {self._name} was closed")
        self._num_calls += 1
        self._is_idle.clear()
        try:
            yield
        finally:
            self._num_calls -= 1
            if not self._num_calls:
                self._is_idle.set()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the client library's errors into ours."""
        try:
            yield
        except _PASSING as error:
            why = str(error) or f"nothing within {_CALL_S:g} s"
            raise StoreUnavailable(f"the store at {self._name} does not answer: {why}") from error
        except OutOfMemoryError as error:
            raise CapacityExceeded(f"the store at {self._name} is full: {error}") from error
        except RedisError as error:
            raise StoreIncompatible(f"the store at {self._name} refuses: {error}") from error


@contextmanager
def _cancellable() -> Iterator[None]:
    """A call whose task is cancelled ends so, also when the cancellation was swallowed.

    `asyncio.wait_for` of Python 3.11, by which the client library writes, drops one that comes
    together with the end of the writing. A task that is a loop would then go on for ever.
    """
    task = asyncio.current_task()
    assert task is not None, "calls are made by tasks"
    before = task.cancelling()
    yield
    if task.cancelling() > before:
        raise asyncio.CancelledError


def _without_password(url: str) -> str:
    """The URL as it may be shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
