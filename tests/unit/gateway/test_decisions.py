"""Who goes first, who is asked, when to try again, when to tell how far was read."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.clock import ManualClock
from duologue.cluster_status import NodeStatus
from duologue.gateway.backoff import Attempts, Backoff
from duologue.gateway.credits import MAX_STRIDE, Credits
from duologue.gateway.errors import ClusterFull
from duologue.gateway.placement import by_load
from duologue.gateway.waiting_room import WaitingRoom
from duologue.v1 import events_pb2 as pb


@given(st.lists(st.integers(0, 3), max_size=20))
def test_the_line_goes_by_priority_and_then_by_arrival(priorities: list[int]) -> None:
    room = WaitingRoom(max_waiting=len(priorities))
    tickets = [room.enter(priority) for priority in priorities]
    served = []
    while room:
        first = next(ticket for ticket in tickets if room.position(ticket) == 0)
        room.leave(first)
        tickets.remove(first)
        served.append((first.priority, first.arrival))
    assert served == sorted(served, key=lambda each: (-each[0], each[1]))


def test_a_full_line_takes_nobody_whatever_the_priority() -> None:
    room = WaitingRoom(max_waiting=2)
    first, _ = room.enter(0), room.enter(0)
    with pytest.raises(ClusterFull, match="2 wait already"):
        room.enter(9)
    room.leave(first)
    assert room.position(room.enter(9)) == 0
    with pytest.raises(ClusterFull):
        WaitingRoom(max_waiting=0).enter(0)


def _node(name: str, sessions: int, max_sessions: int = 4, *, drains: bool = False) -> NodeStatus:
    return NodeStatus(name, f"{name}:1", sessions, max_sessions, 1, drains)


def test_the_least_loaded_node_is_asked_first() -> None:
    nodes = [
        _node("half", 2),
        _node("full", 4),
        _node("draining", 0, drains=True),
        _node("empty", 0),
        _node("large", 10, max_sessions=100),
    ]
    asked = [node.node_id for node in by_load(nodes, Random(1))]
    assert asked == ["empty", "large", "half"]


def test_equally_loaded_nodes_are_asked_in_random_order() -> None:
    nodes = [_node(name, 1) for name in "abc"]
    firsts = {by_load(nodes, Random(seed))[0].node_id for seed in range(20)}
    assert firsts == {"a", "b", "c"}


def test_waits_grow_up_to_a_limit_and_the_first_is_none() -> None:
    backoff = Backoff(first_ms=100, factor=2, max_ms=300, within_ms=10_000)
    attempts = Attempts(backoff, ManualClock(), Random(1))
    waits = [attempts.failed() for _ in range(6)]
    assert waits[0] == 0
    for wait, longest in zip(waits[1:], (100, 200, 300, 300, 300), strict=True):
        assert wait is not None
        assert longest / 2 <= wait <= longest


def test_trying_again_has_an_end_that_progress_puts_off() -> None:
    clock = ManualClock()
    attempts = Attempts(Backoff(within_ms=1_000), clock, Random(1))
    assert attempts.failed() is not None
    clock.advance(999)
    assert attempts.failed() is not None
    attempts.progressed()
    clock.advance(1)
    assert attempts.failed() == 0
    clock.advance(1_000)
    assert attempts.failed() is None


def _written(credits: Credits, *events: pb.ServerEvent) -> None:
    for event in events:
        credits.written(event)


def _deltas(first: int, last: int) -> list[pb.ServerEvent]:
    return [
        pb.ServerEvent(server_seq=seq, response_delta=pb.ResponseDelta())
        for seq in range(first, last + 1)
    ]


def test_the_actor_is_told_of_many_events_at_once() -> None:
    credits = Credits(unseen_events=128)
    due = []
    for event in _deltas(1, 2 * MAX_STRIDE):
        credits.written(event)
        if credits.is_due:
            due.append(credits.told())
    assert due == [MAX_STRIDE, 2 * MAX_STRIDE]


@pytest.mark.parametrize("kind", ["response_done", "backpressure"])
def test_the_actor_is_told_at_once_where_it_may_wait(kind: str) -> None:
    credits = Credits(unseen_events=128)
    _written(credits, *_deltas(1, 2))
    event = pb.ServerEvent()
    getattr(event, kind).SetInParent()
    _written(credits, event)
    assert credits.is_due
    assert credits.told() == 2


@given(st.integers(1, 200))
def test_an_actor_never_waits_for_a_word_that_is_not_due(unseen_events: int) -> None:
    credits = Credits(unseen_events)
    _written(credits, *_deltas(1, unseen_events))
    assert credits.is_due
