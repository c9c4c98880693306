"""The connection to the store: bounded pools, time limits, few retries, scripts by digest.

A command is given 2 s, a free connection is waited for 2 s, and what fails on the way is tried
again: twice where there is one server that does not answer, else until another has taken over or
the time is up. Within 5 s, whatever happens, a call has an answer or raises StoreUnavailable. So
every write must bear being done twice (the scripts say how).
"""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

from duologue.errors import CapacityExceeded, StoreIncompatible, StoreUnavailable
from duologue.store.address import StoreAddress
from duologue.store.call_bound import CallBound
from duologue.store.cluster import Cluster
from duologue.store.eviction import eviction_of
from duologue.store.keys import SCHEMA_KEY, SCHEMA_VERSION
from duologue.store.scripts import LuaScript
from duologue.store.sentinels import Sentinels
from duologue.store.server import (
    Command,
    StoreServer,
    Word,
    answered,
    send,
    send_all,
    send_together,
)
from duologue.store.topology import OneServer, Topology

Argument = Word
T = TypeVar("T")
Call = tuple[LuaScript, Sequence[str], Sequence[Argument]]
Attempt = Callable[[Redis, bool], Awaitable[T]]
"""One try of a call, at a server; the flag is for `server.send`."""

_CALL_S = 5.0
_PAUSES_S = (0.02, 0.1)
_LONG_PAUSES_S = (*_PAUSES_S, 0.2, *(0.4,) * 10)
_SILENT = (ConnectionError, TimeoutError, OSError)
_NOT_NOW = (AskError, BusyLoadingError, ClusterDownError, ReadOnlyError, TryAgainError)
"""A server is there, and is not the one to ask, or not yet. (A MASTERDOWN is a CLUSTERDOWN.)"""
_NOT_NOW_TEXTS = ("NOREPLICAS ", "MISCONF ")
_REFUSED = (AuthenticationError, AuthorizationError)

log = logging.getLogger(__name__)


class Connection:
    """The way to all servers of an address. Scripts get the time as their first argument."""

    def __init__(self, url: str, now_ms: Callable[[], int] | None = None) -> None:
        """The URL may be of any form that `address.py` has; nothing is connected yet."""
        address = StoreAddress.parse(url)
        self._name = str(address)
        self._now_ms = now_ms
        self._topology = _topology(address)
        self._is_closed = False
        self._num_calls = 0
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    async def aclose(self) -> None:
        """Refuse further calls, let those under way end, and close all connections."""
        self._is_closed = True
        # The pool forgets what it closes: a call that went on would open a connection for nobody.
        await self._is_idle.wait()
        await self._topology.aclose()

    @property
    def now(self) -> str:
        """What scripts take as the time: empty for the server's own."""
        return "" if self._now_ms is None else str(self._now_ms())

    async def check_schema(self) -> None:
        """Mark an empty store as of our schema; raises StoreIncompatible for another one."""

        async def mark(redis: Redis, is_asking: bool) -> Any:
            await send(redis, ("SET", SCHEMA_KEY, SCHEMA_VERSION, "NX"), is_asking)
            return await send(redis, ("GET", SCHEMA_KEY), is_asking)

        found = await self._bounded(lambda bound: self._tried(bound, SCHEMA_KEY, mark))
        if found != str(SCHEMA_VERSION).encode():
            shown = found.decode(errors="replace")[:40] if isinstance(found, bytes) else found
            raise StoreIncompatible(
                f"the store at {self._name} is of schema {shown!r}, this version of Duologue works"
                f" with schema {SCHEMA_VERSION}: use the version that wrote it, or another store"
            )

    async def warn_of_eviction(self) -> None:
        """Say so in the log if a server throws out keys when its memory is full."""

        async def warn(_: CallBound) -> None:
            for server in self._topology.servers():
                with server.used() as redis:
                    policy = await eviction_of(redis)
                if policy is not None:
                    log.warning(
                        "the store at %s loses sessions when it is full: the server at %s throws"
                        " out keys then (maxmemory-policy %s); set maxmemory-policy noeviction",
                        *(self._name, server, policy),
                    )

        await self._bounded(warn)

    async def run(
        self, script: LuaScript, keys: Sequence[str], arguments: Sequence[Argument] = ()
    ) -> Any:
        """What one script answers."""
        call = (script, keys, arguments)
        return await self._bounded(lambda bound: self._evaluated(bound, call))

    async def run_all(self, calls: Sequence[Call]) -> list[Any]:
        """What scripts answer, in one round trip to each server; others may come in between."""

        async def evaluate(bound: CallBound) -> list[Any]:
            found: dict[int, Any] = {}
            for numbers in self._by_server(calls):
                part = [calls[number] for number in numbers]
                found |= zip(numbers, await self._evaluated_together(bound, part), strict=True)
            for number, answer in found.items():
                if isinstance(answer, Exception):  # its slot has moved
                    found[number] = await self._evaluated(bound, calls[number])
            return [found[number] for number in range(len(calls))]

        return await self._bounded(evaluate)

    async def read_together(self, *commands: Command) -> list[Any]:
        """What plain reading commands answer, as of one moment; their keys have one hash tag."""

        async def read(redis: Redis, is_asking: bool) -> list[Any]:
            return await send_together(redis, list(commands), is_asking)

        key = str(commands[0][1])
        return await self._bounded(lambda bound: self._tried(bound, key, read))

    async def _evaluated(self, bound: CallBound, call: Call) -> Any:
        script, keys, _ = call

        async def evaluate(redis: Redis, is_asking: bool) -> Any:
            try:
                return await send(redis, _command(call), is_asking)
            except NoScriptError:  # the server is new to it, or was started anew
                await redis.script_load(script.source)
                return await send(redis, _command(call), is_asking)

        return await self._tried(bound, keys[0], evaluate)

    async def _evaluated_together(self, bound: CallBound, calls: Sequence[Call]) -> list[Any]:
        """What the server that has the first one's keys answers; of a slot that it does not have,
        the error."""

        async def evaluate(redis: Redis, _: bool) -> list[Any]:
            commands = [_command(call) for call in calls]
            answers = await send_all(redis, commands)
            if any(isinstance(answer, NoScriptError) for answer in answers):
                for source in {script.source for script, _, _ in calls}:
                    await redis.script_load(source)
                answers = await send_all(redis, commands)
            return [
                answer if isinstance(answer, (AskError, TryAgainError)) else answered(answer)
                for answer in answers
            ]

        return await self._tried(bound, calls[0][1][0], evaluate)

    def _by_server(self, calls: Sequence[Call]) -> list[list[int]]:
        """The calls' numbers, those together of which one server has the keys."""
        found: dict[StoreServer | None, list[int]] = {}
        for number, (_, keys, _) in enumerate(calls):
            found.setdefault(self._topology.server_of(keys[0]), []).append(number)
        return list(found.values())

    async def _tried(self, bound: CallBound, key: str, attempt: Attempt[T]) -> T:
        """The answer of the server that has the key, after a few tries."""
        instead: StoreServer | None = None
        for number in itertools.count():
            bound.check()
            server, is_asking = instead, instead is not None
            try:
                server = server or self._topology.server_of(key) or await self._topology.find(key)
                with server.used() as redis:
                    return await attempt(redis, is_asking)
            except (*_SILENT, ResponseError) as error:
                bound.failure = failure = error
                pauses_s = self._pauses_s(error)
                if number >= len(pauses_s):
                    raise
            instead = await self._topology.learn(server, failure) if server else None
            if not isinstance(failure, AskError):
                await asyncio.sleep(pauses_s[number])
        raise AssertionError("every try but the last is followed by another")

    def _pauses_s(self, error: Exception) -> Sequence[float]:
        """Before each further try; none for what will not be better."""
        if isinstance(error, _REFUSED):
            return ()
        if _is_not_now(error):
            return _LONG_PAUSES_S
        if isinstance(error, _SILENT):
            return _LONG_PAUSES_S if self._topology.has_others else _PAUSES_S
        return ()

    async def _bounded(self, call: Callable[[CallBound], Awaitable[T]]) -> T:
        """The answer to a call, within its time."""
        with self._counted(), self._translated():
            async with CallBound(_CALL_S) as bound:
                return await call(bound)

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
        except _SILENT as error:
            raise StoreUnavailable(f"the store at {self._name} does not answer: {error}") from error
        except OutOfMemoryError as error:
            raise CapacityExceeded(f"the store at {self._name} is full: {error}") from error
        except RedisError as error:
            if _is_not_now(error):
                raise StoreUnavailable(f"the store at {self._name} cannot yet: {error}") from error
            raise StoreIncompatible(f"the store at {self._name} refuses: {error}") from error


def _topology(address: StoreAddress) -> Topology:
    match address.kind:
        case "single":
            return OneServer(address)
        case "sentinel":
            return Sentinels(address)
        case "cluster":
            return Cluster(address)


def _is_not_now(error: Exception) -> bool:
    return isinstance(error, _NOT_NOW) or str(error).startswith(_NOT_NOW_TEXTS)


def _command(call: Call) -> Command:
    script, keys, arguments = call
    return ("EVALSHA", script.sha, len(keys), *keys, *arguments)
