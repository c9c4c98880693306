"""Where commands wait for the loop."""

import threading

import pytest

from duologue.batching.inbox import Inbox
from duologue.batching.messages import GiveCells, Leave
from duologue.errors import CapacityExceeded
from tests.waiting import WITHIN_S


def test_commands_come_out_in_order() -> None:
    inbox = Inbox(8)
    for stream in range(5):
        inbox.put(GiveCells(stream))
    assert inbox.take() == [GiveCells(stream) for stream in range(5)]
    assert inbox.take() == []


def test_too_many_are_refused_but_nobody_is_kept_from_leaving() -> None:
    inbox = Inbox(2)
    inbox.put(GiveCells(1))
    inbox.put(GiveCells(2))
    with pytest.raises(CapacityExceeded, match="2 requests wait"):
        inbox.put(GiveCells(3))
    inbox.put(Leave(3))
    assert [type(command) for command in inbox.take()] == [GiveCells, GiveCells, Leave]


def test_waiting_ends_when_enough_is_there() -> None:
    inbox = Inbox(8)
    inbox.put(GiveCells(1))
    inbox.wait(WITHIN_S * 1e3)
    inbox.put(GiveCells(2))
    inbox.wait(WITHIN_S * 1e3, at_least=2)
    assert len(inbox.take()) == 2
    inbox.wait(0.0)


@pytest.mark.parametrize("at_least", [1, 3])
def test_another_thread_wakes_the_one_that_waits(at_least: int) -> None:
    inbox = Inbox(8)

    def put() -> None:
        for stream in range(at_least):
            inbox.put(GiveCells(stream))

    thread = threading.Thread(target=put)
    thread.start()
    inbox.wait(WITHIN_S * 1e3, at_least=at_least)
    thread.join(WITHIN_S)
    assert len(inbox.take()) == at_least


def test_a_ring_ends_the_wait() -> None:
    inbox = Inbox(8)
    inbox.ring()
    inbox.wait(WITHIN_S * 1e3)
