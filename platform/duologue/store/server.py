"""One server, and the connections to it: a bounded pool, time limits, no retries of its own."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from redis.asyncio import (
    BlockingConnectionPool,
    Connection,
    Redis,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError, ReadOnlyError, RedisError, ResponseError

from duologue.store.address import Place, StoreAddress, shown

Word = str | bytes | int | float
Command = tuple[Word, ...]

_MAX_CONNECTIONS = 32
_POOL_S = 2.0
_COMMAND_S = 2.0


class StoreServer:
    """Opens connections as they are needed, and keeps them for the next."""

    def __init__(
        self,
        address: StoreAddress,
        place: Place | None = None,
        *,
        only_primary: bool = False,
        is_sentinel: bool = False,
        with_password: bool = True,
        connect_s: float = _COMMAND_S,
    ) -> None:
        """The server at the place, by default the address's own; nothing is connected yet.

        With `only_primary`, a connection to a replica is refused (ReadOnlyError).
        """
        self.place = place or (address.places[0] if address.places else None)
        kind, where = _where(address, self.place)
        if with_password and (address.username or address.password):
            where |= {"username": address.username, "password": address.password}
        if not is_sentinel:
            where["db"] = address.db
        if only_primary:
            where["redis_connect_func"] = _connect_to_primary
        self._pool = BlockingConnectionPool(
            connection_class=kind,
            max_connections=_MAX_CONNECTIONS,
            timeout=_POOL_S,
            socket_timeout=connect_s,
            socket_connect_timeout=connect_s,
            health_check_interval=15,
            retry=Retry(NoBackoff(), 0),  # the library's retries nest; ours have one bound
            **where,
        )
        self._redis = Redis.from_pool(self._pool)
        self._num_calls = 0

    def __str__(self) -> str:
        return shown(self.place) if self.place else "its socket"

    @property
    def is_idle(self) -> bool:
        """Whether no call uses it now."""
        return not self._num_calls

    @contextmanager
    def used(self) -> Iterator[Redis]:
        """The client, for one call."""
        self._num_calls += 1
        try:
            yield self._redis
        finally:
            self._num_calls -= 1

    async def leave(self) -> None:
        """Have later calls open new connections: where these lead is not where it should be."""
        await self._pool.update_active_connections_for_reconnect()  # type: ignore[no-untyped-call]
        with suppress(RedisError, OSError):
            await self._pool.disconnect(inuse_connections=False)

    async def aclose(self) -> None:
        """Close all connections."""
        with suppress(RedisError, OSError):
            await self._redis.aclose(close_connection_pool=True)


async def execute(redis: Redis, *command: Word) -> Any:
    """What the server answers."""
    return await redis.execute_command(*command)  # type: ignore[no-untyped-call]


async def send(redis: Redis, command: Command, is_asking: bool) -> Any:
    """The same; `is_asking` for a slot that is on its way to this server."""
    if not is_asking:
        return await execute(redis, *command)
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.execute_command("ASKING")
        pipeline.execute_command(*command)
        return answered((await pipeline.execute(raise_on_error=False))[1])


async def send_all(redis: Redis, commands: list[Command]) -> list[Any]:
    """What it answers to each, in one round trip: among it errors, as they are."""
    async with redis.pipeline(transaction=False) as pipeline:
        for command in commands:
            pipeline.execute_command(*command)
        return await pipeline.execute(raise_on_error=False)


async def send_together(redis: Redis, commands: list[Command], is_asking: bool) -> list[Any]:
    """What it answers to all of them as of one moment."""
    before: list[Command] = [("ASKING",)] if is_asking else []
    *queued, answers = await send_all(redis, [*before, ("MULTI",), *commands, ("EXEC",)])
    for each in queued:  # what was wrong with a command is said where it is queued
        answered(each)
    return [
        redis.response_callbacks.get(str(command[0]), _unchanged)(answered(answer))
        for command, answer in zip(commands, answered(answers), strict=True)
    ]


def answered(answer: Any) -> Any:
    """The answer, unless it is an error, which is raised."""
    if isinstance(answer, Exception):
        raise answer
    return answer


def _unchanged(answer: Any) -> Any:
    return answer


def _where(address: StoreAddress, place: Place | None) -> tuple[type[Any], dict[str, Any]]:
    """The class of connections, and what it is to be told."""
    if place is None:
        return UnixDomainSocketConnection, {"path": address.path}
    where: dict[str, Any] = {"host": place[0], "port": place[1]}
    if not address.has_tls:
        return Connection, where
    return SSLConnection, where | dict(address.tls)


async def _connect_to_primary(connection: Any) -> None:
    """Greet the server; raises ReadOnlyError if it is a replica.

    Sentinels may name it some seconds longer than it is the primary, and a replica would answer
    reading commands without a word of that.
    """
    await connection.on_connect()
    await connection.send_command("ROLE")
    try:
        role = await connection.read_response()
    except NoPermissionError:
        return
    except ResponseError as error:
        raise ReadOnlyError(f"its role is unknown: {error}") from error
    if role[0] not in (b"master", "master"):
        raise ReadOnlyError("it is a replica")
