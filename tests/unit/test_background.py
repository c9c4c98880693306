"""What fails in the background is noticed, and what is repeated goes on."""

import asyncio
import logging

import pytest

from duologue.background import Background, repeatedly, running


async def _fails() -> None:
    raise ValueError("a fault")


async def _lasts() -> None:
    await asyncio.Event().wait()


async def test_the_owner_of_a_task_that_fails_is_told(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Exception] = []
    background = Background(told.append)
    await asyncio.wait({background.start(_fails(), "the task")})
    await asyncio.sleep(0)  # the task is told of first
    assert [str(error) for error in told] == ["a fault"]
    assert "the task failed" in caplog.text


async def test_a_task_that_was_cancelled_has_not_failed() -> None:
    told: list[Exception] = []
    background = Background(told.append)
    background.start(_fails(), "the task")  # which has not begun
    await background.stop()
    assert not told


async def test_tasks_end_with_their_owner_who_may_be_one_of_them() -> None:
    background = Background()
    lasting = background.start(_lasts(), "the task")
    stopping = background.start(background.stop(), "the end")
    await stopping
    assert lasting.cancelled()


async def test_what_is_repeated_goes_on_after_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    num_calls, is_enough = 0, asyncio.Event()

    async def work() -> None:
        nonlocal num_calls
        num_calls += 1
        if num_calls == 3:
            is_enough.set()
        raise ValueError("a fault")

    background = Background()
    background.repeat(0, work, "the work")
    await is_enough.wait()
    await background.stop()
    messages = [record.getMessage() for record in caplog.records]
    assert messages[:2] == ["the work failed, and is tried again in 0 s"] * 2
    assert caplog.records[0].levelno == logging.ERROR


async def test_what_is_repeated_can_be_cancelled() -> None:
    is_begun = asyncio.Event()

    async def work() -> None:
        is_begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(repeatedly(0, work, "the work"))
    await is_begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_work_beside_a_block_ends_with_it() -> None:
    async with running(_lasts()) as task:
        pass
    assert task.cancelled()


async def test_work_that_fails_ends_its_block() -> None:
    with pytest.raises(ValueError, match="a fault"):
        async with running(_fails()):
            await asyncio.Event().wait()


async def test_an_error_of_the_block_comes_out_as_it_is() -> None:
    with pytest.raises(KeyError, match="the block"):
        async with running(_lasts()):
            raise KeyError("the block")


async def test_a_block_that_is_cancelled_is_cancelled() -> None:
    is_begun = asyncio.Event()

    async def block() -> None:
        async with running(_lasts()):
            is_begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(block())
    await is_begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
