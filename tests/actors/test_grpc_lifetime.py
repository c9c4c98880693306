"""A server is started and stopped whole, whoever is cancelled and whoever comes first."""

import asyncio

import pytest
import pytest_asyncio
from grpc import aio

from duologue.actors.grpc_lifetime import GrpcLifetime


@pytest_asyncio.fixture
async def server() -> aio.Server:
    server = aio.server()
    server.add_insecure_port("127.0.0.1:0")
    return server


@pytest.mark.parametrize("num_steps", range(4))
async def test_a_start_that_is_cancelled_can_be_tidied_up(
    server: aio.Server, num_steps: int
) -> None:
    lifetime = GrpcLifetime(server)
    starting = asyncio.create_task(lifetime.start())
    for _ in range(num_steps):
        await asyncio.sleep(0)
    starting.cancel()
    await lifetime.stop(1.0)
    with pytest.raises(asyncio.CancelledError):
        await starting


@pytest.mark.parametrize("num_steps", range(1, 4))
async def test_a_stop_waits_for_the_start(server: aio.Server, num_steps: int) -> None:
    lifetime = GrpcLifetime(server)
    starting = asyncio.create_task(lifetime.start())
    for _ in range(num_steps):
        await asyncio.sleep(0)
    await lifetime.stop(1.0)
    assert starting.done()
    await starting
    assert await server.wait_for_termination(0.0) is False


async def test_a_stop_that_is_cancelled_is_one_all_the_same(server: aio.Server) -> None:
    lifetime = GrpcLifetime(server)
    await lifetime.start()
    stopping = asyncio.create_task(lifetime.stop(1.0))
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert await server.wait_for_termination(0.0) is False
