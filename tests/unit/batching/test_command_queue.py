"""Where commands wait for the loop."""

import threading

import pytest

from duologue.batching.command_queue import CommandQueue
from duologue.batching.messages import GiveCells, StreamEnded
from duologue.errors import CapacityExceeded
from tests.waiting import WITHIN_S


def test_commands_come_out_in_order() -> None:
    queue = CommandQueue(8)
    for stream in range(5):
        queue.put(GiveCells(stream))
    assert queue.take() == [GiveCells(stream) for stream in range(5)]
    assert queue.take() == []


def test_too_many_are_refused_but_nobody_is_kept_from_leaving() -> None:
    queue = CommandQueue(2)
    queue.put(GiveCells(1))
    queue.put(GiveCells(2))
    with pytest.raises(CapacityExceeded, match="2 requests wait"):
        queue.put(GiveCells(3))
    queue.put(StreamEnded(3))
    assert [type(command) for command in queue.take()] == [GiveCells, GiveCells, StreamEnded]


def test_waiting_ends_when_enough_is_there() -> None:
    queue = CommandQueue(8)
    queue.put(GiveCells(1))
    queue.wait(WITHIN_S * 1e3)
    queue.put(GiveCells(2))
    queue.wait(WITHIN_S * 1e3, at_least=2)
    assert len(queue.take()) == 2
    queue.wait(0.0)


@pytest.mark.parametrize("at_least", [1, 3])
def test_another_thread_wakes_the_one_that_waits(at_least: int) -> None:
    queue = CommandQueue(8)

    def put() -> None:
        for stream in range(at_least):
            queue.put(GiveCells(stream))

    thread = threading.Thread(target=put)
    thread.start()
    queue.wait(WITHIN_S * 1e3, at_least=at_least)
    thread.join(WITHIN_S)
    assert len(queue.take()) == at_least


def test_a_ring_ends_the_wait() -> None:
    queue = CommandQueue(8)
    queue.ring()
    queue.wait(WITHIN_S * 1e3)
