"""A gateway that ends by itself is started again, and given up in the end."""

import asyncio
from random import Random

import pytest

from duologue.actors.gateway_keeper import LASTING_MS, GatewayKeeper
from duologue.clock import ManualClock
from duologue.errors import DuologueError
from duologue.gateway.backoff import Backoff


class FakeChild:
    """A process that starts, or does not, and ends when it is told."""

    def __init__(self, *, num_good_starts: int) -> None:
        self.address = "127.0.0.1:1"
        self.num_starts = 0
        self.num_good_starts = num_good_starts
        self.is_up = asyncio.Event()
        self.is_stopped = False
        self._end = asyncio.Event()

    async def start(self) -> None:
        self.num_starts += 1
        if self.num_starts > self.num_good_starts:
            raise DuologueError("it did not start: no store")
        self._end.clear()
        self.is_up.set()

    async def ended(self) -> str:
        await self._end.wait()
        return "killed"

    async def stop(self) -> None:
        self.is_stopped = True

    async def die(self) -> None:
        """End, and be up again."""
        self.is_up.clear()
        self._end.set()
        async with asyncio.timeout(10):
            await self.is_up.wait()


def _keeper(child: FakeChild, clock: ManualClock, said: list[str]) -> GatewayKeeper:
    backoff = Backoff(first_ms=0.01, max_ms=0.02, within_ms=1_000)
    return GatewayKeeper(child, said.append, backoff=backoff, clock=clock, random=Random(1))


async def test_it_is_started_again_as_often_as_it_ends() -> None:
    child, clock, said = FakeChild(num_good_starts=6), ManualClock(), list[str]()
    keeper = _keeper(child, clock, said)
    await keeper.start()
    for _ in range(5):
        await child.die()
        clock.advance(LASTING_MS)
    await keeper.stop()
    assert child.num_starts == 6
    assert child.is_stopped
    assert said == ["the gateway has ended (killed) and is started again"] * 5


async def test_one_that_cannot_be_started_any_more_is_given_up() -> None:
    child, clock = FakeChild(num_good_starts=1), ManualClock()
    keeper = _keeper(child, clock, [])
    await keeper.start()
    child._end.set()
    giving_up = asyncio.create_task(keeper.failed())
    while child.num_starts < 10:
        await asyncio.sleep(0)
    clock.advance(1_000)
    async with asyncio.timeout(10):
        assert await giving_up == "it did not start: no store"
    await keeper.stop()


async def test_one_that_ends_as_soon_as_it_has_started_is_given_up_too() -> None:
    child, clock = FakeChild(num_good_starts=100), ManualClock()
    keeper = _keeper(child, clock, [])
    await keeper.start()
    giving_up = asyncio.create_task(keeper.failed())
    for _ in range(5):
        await child.die()
    clock.advance(1_000)
    child._end.set()
    async with asyncio.timeout(10):
        assert await giving_up == "killed"
    await keeper.stop()


async def test_one_that_does_not_start_at_first_is_an_error_at_once() -> None:
    child = FakeChild(num_good_starts=0)
    keeper = _keeper(child, ManualClock(), [])
    with pytest.raises(DuologueError, match="no store"):
        await keeper.start()
    assert child.num_starts == 1
