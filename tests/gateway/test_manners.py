"""What gRPC does to those who treat its streams badly, and that the gateway does not.

The first tests show the facts that the code is built around. If one of them fails after an update
of grpcio, the rule behind it may be given up.
"""

import ast
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

import duologue.gateway
from tests.waiting import waiting_for

FOLDER = Path(duologue.gateway.__path__[0])


@asynccontextmanager
async def _echo(behaviour: Any) -> AsyncIterator[Any]:
    """A call of a server whose one method takes and gives bytes."""
    server = grpc.aio.server()
    method: Any = grpc.stream_stream_rpc_method_handler(behaviour)
    service = grpc.method_handlers_generic_handler("test", {"Echo": method})
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with (
            grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
            waiting_for("what gRPC is expected to do"),
        ):
            yield channel.stream_stream("/test/Echo")()
    finally:
        await server.stop(None)


async def _begun() -> None:
    """A task that was just made has come to its first wait."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_read_that_is_broken_off_ends_the_whole_call() -> None:
    async def echo(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request

    async with _echo(echo) as call:
        await call.write(b"one")
        assert await call.read() == b"one"
        reading = asyncio.create_task(call.read())
        await _begun()
        reading.cancel()  # as a time limit does
        assert await call.code() is grpc.StatusCode.CANCELLED


async def test_a_read_that_is_broken_off_breaks_the_servers_side() -> None:
    async def behaviour(requests: AsyncIterator[bytes], context: Any) -> None:
        reading = asyncio.create_task(context.read())
        await _begun()
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        await context.write(b"ended" if await context.read() is grpc.aio.EOF else b"open")

    async with _echo(behaviour) as call:
        # The client has not ended its side, and there is no way back.
        assert await call.read() == b"ended"


async def test_a_clients_cancel_looks_like_the_end_of_its_side() -> None:
    """Mostly: on a busy machine the server's task may be cancelled before it reads that end."""
    seen = [await _seen_of_a_cancel() for _ in range(10)]
    assert [False, "cancelled later"] in seen


async def _seen_of_a_cancel() -> list[object]:
    """What the server's side of a call sees when the client cancels it."""
    seen: list[object] = []
    ended = asyncio.Event()

    async def behaviour(requests: AsyncIterator[bytes], context: Any) -> None:
        await context.write(b"ready")
        try:
            async for _ in requests:
                pass
            seen.append(context.cancelled())
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled later")
            raise
        finally:
            ended.set()

    async with _echo(behaviour) as call:
        await call.read()
        call.cancel()
        await ended.wait()
    return seen


def _calls(tree: ast.AST) -> list[str]:
    return [
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_no_time_limit_stands_around_a_stream(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert "wait_for" not in _calls(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncWith) and "timeout" in _calls(ast.Module(node.items, [])):  # type: ignore[arg-type]
            calls = {name for statement in node.body for name in _calls(statement)}
            assert not calls & {"read", "write", "events", "run", "_write", "_read"}


def test_the_reader_is_not_cancelled_while_its_call_lasts() -> None:
    """Only when gRPC says that the call is done."""
    source = (FOLDER / "conversation.py").read_text()
    assert source.count("reader.cancel()") == 1
    assert "context.add_done_callback(lambda _context: reader.cancel())" in source
