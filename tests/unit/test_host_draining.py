"""Emptying a host: who is marked, and how long is waited."""

from dataclasses import dataclass, field, replace

from duologue.clock import ManualClock
from duologue.cluster_status import BatcherStatus, NodeStatus
from duologue.errors import UnknownNode
from duologue.host_draining import drain_host


@dataclass
class Board:
    """Announcements; each look, somebody who is marked has one session less."""

    node_statuses: list[NodeStatus]
    batcher_statuses: list[BatcherStatus]
    marked: list[str] = field(default_factory=list)
    leaves: int = 1

    async def nodes(self) -> tuple[NodeStatus, ...]:
        self.node_statuses = [
            replace(each, sessions=max(0, each.sessions - self.leaves))
            if each.node_id in self.marked
            else each
            for each in self.node_statuses
        ]
        return tuple(self.node_statuses)

    async def batchers(self) -> tuple[BatcherStatus, ...]:
        return tuple(self.batcher_statuses)

    async def mark_draining(self, node_id: str) -> NodeStatus:
        if node_id == "gone":
            raise UnknownNode("it has just gone")
        self.marked.append(node_id)
        return self.node_statuses[0]

    async def mark_batcher_draining(self, batcher_id: str) -> BatcherStatus:
        self.marked.append(batcher_id)
        return self.batcher_statuses[0]


def board(**changes: int) -> Board:
    return Board(
        [
            NodeStatus("n1", "10.0.0.1:5", 3, 9, 0),
            NodeStatus("n2", "10.0.0.11:5", 3, 9, 0),
            NodeStatus("gone", "10.0.0.1:6", 0, 9, 0),
        ],
        [BatcherStatus("b1", "10.0.0.1:7", "n1", 0, 9), BatcherStatus("b2", "x:7", "n2", 4, 9)],
        **changes,  # type: ignore[arg-type]
    )


async def drain(on: Board, within_ms: float) -> tuple[int, int]:
    """Sessions left, and the time it took."""
    clock = ManualClock()

    async def sleep(seconds: float) -> None:
        clock.advance(seconds * 1e3)

    left = await drain_host(on, "10.0.0.1", within_ms=within_ms, clock=clock, sleep=sleep)
    return left, round(clock.now_ms())


async def test_what_is_on_the_host_is_marked_and_nothing_else() -> None:
    there = board()
    assert await drain(there, 60_000) == (0, 1_000)
    assert there.marked == ["n1", "b1"]


async def test_it_ends_with_the_time_too() -> None:
    assert await drain(board(leaves=0), 2_000) == (3, 2_000)


async def test_an_empty_host_is_not_waited_for() -> None:
    assert await drain(Board([], []), 60_000) == (0, 0)
