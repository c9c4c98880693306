"""How a session that lost its seat finds another one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from duologue.actors import seat_keeper
from duologue.actors.batcher_client import describe
from duologue.actors.seat_keeper import SeatKeeper
from duologue.cluster_status import BatcherStatus
from duologue.errors import DuologueError
from duologue.hosting.actions import FindSeat
from duologue.lane.slices import SliceResult
from duologue.lane.state import LaneState
from duologue.session.session import Session
from duologue.session_lease import Lease
from duologue.store.valkey import EmbeddedValkey
from tests.actors.premises import TENANT, Premises
from tests.waiting import waiting_for


@pytest.fixture
async def premises(tmp_path: Path, valkey: EmbeddedValkey) -> AsyncIterator[Premises]:
    async with AsyncExitStack() as stack:
        premises = Premises(tmp_path, valkey.url, stack)
        await premises.open()
        yield premises


class Board:
    """Where batching actors are announced: first one that is dead, and later one that is there."""

    def __init__(self, dead: BatcherStatus, alive: BatcherStatus, num_looks: int) -> None:
        self._dead, self._alive = dead, alive
        self._num_looks = num_looks

    async def batchers(self) -> tuple[BatcherStatus, ...]:
        self._num_looks -= 1
        return (self._alive if self._num_looks < 0 else self._dead,)


class Waiting:
    """A session that waits for its seat."""

    def __init__(self) -> None:
        self.is_seated = asyncio.Event()

    def seated(self) -> None:
        self.is_seated.set()

    def unseated(self, error: DuologueError) -> None:
        raise AssertionError(error)

    def absorb(self, result: SliceResult) -> None:
        raise AssertionError(result)

    def fail(self, error: Exception) -> None:
        raise AssertionError(error)


async def test_a_batching_actor_that_comes_back_is_not_waited_for_any_longer(
    premises: Premises, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the waits between attempts have become."""
    monkeypatch.setattr(seat_keeper, "FIRST_RETRY_S", 3600.0)
    monkeypatch.setattr(seat_keeper, "LAST_RETRY_S", 3600.0)
    monkeypatch.setattr(seat_keeper, "LOOK_EVERY_S", 0.001)
    alive = premises.batchers[0].status
    board = Board(replace(alive, address="127.0.0.1:1"), alive, num_looks=5)
    setup = (await describe(alive.address)).setup(premises.settings)
    lane = LaneState.of(Session("s", setup).lane)
    sitter = Waiting()
    keeper = SeatKeeper(
        board,
        Lease(TENANT, "s", "me", 1, 3_000, 0),
        "here",
        sitter,
        model="",
        words_digest=setup.words_digest,
        traceparent="",
    )
    keeper.find(FindSeat(setup.strategy, lane, setup.profile))
    async with waiting_for("a seat at the batching actor that came back"):
        await sitter.is_seated.wait()
    await keeper.stop()
