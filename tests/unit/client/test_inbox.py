"""The inbox is bounded, keeps the order, and ends after what is in it was read."""

import asyncio

import pytest

from duologue.client.inbox import Inbox


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_writer_waits_for_a_slow_reader() -> None:
    inbox: Inbox[int] = Inbox(2)

    async def write() -> None:
        for number in range(5):
            await inbox.put(number)

    writer = asyncio.create_task(write())
    await settle()
    assert (len(inbox), inbox.is_full, writer.done()) == (2, True, False)
    assert [await inbox.get() for _ in range(5)] == [0, 1, 2, 3, 4]
    await writer


async def test_what_came_before_the_end_is_read_before_it() -> None:
    inbox: Inbox[int] = Inbox(2)
    await inbox.put(1)
    inbox.end()
    assert await inbox.get() == 1
    for _ in range(2):
        with pytest.raises(StopAsyncIteration):
            await inbox.get()


async def test_a_waiting_reader_learns_of_an_error() -> None:
    inbox: Inbox[int] = Inbox(2)
    reader = asyncio.create_task(inbox.get())
    await settle()
    inbox.end(OSError("cut"))
    with pytest.raises(OSError, match="cut"):
        await reader


async def test_without_a_limit_nobody_waits() -> None:
    inbox: Inbox[int] = Inbox(1)
    await inbox.put(1)
    writer = asyncio.create_task(inbox.put(2))
    await settle()
    inbox.lift_limit()
    await writer
    await inbox.put(3)
    assert len(inbox) == 3
