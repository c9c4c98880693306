"""Work beside other work. None of it fails without somebody learning of it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NoReturn

log = logging.getLogger(__name__)

Work = Coroutine[Any, Any, None]
OnFailure = Callable[[Exception], None]


class Background:
    """The tasks of one owner, for as long as it lives.

    A failure is logged, and the owner is told, since what a task was to do is not done then. What
    is repeated goes on instead.
    """

    def __init__(self, on_failure: OnFailure = lambda _error: None) -> None:
        self._on_failure = on_failure
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Work, what: str) -> asyncio.Task[None]:
        """Have something done; `what` names it in the log."""
        task = asyncio.create_task(work, name=what)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def repeat(self, every_s: float, work: Callable[[], Awaitable[None]], what: str) -> None:
        """Have something done again and again, until `stop`."""
        self.start(repeatedly(every_s, work, what), what)

    async def stop(self) -> None:
        """End all of them but the one that calls this, and wait until they have ended."""
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, Exception):
            log.error("%s failed", task.get_name(), exc_info=error)
            self._on_failure(error)


async def repeatedly(every_s: float, work: Callable[[], Awaitable[None]], what: str) -> NoReturn:
    """Do something after each pause, whether it failed the time before or not."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await work()
        except Exception:
            log.exception("%s failed, and is tried again in %g s", what, every_s)


@asynccontextmanager
async def running(work: Work) -> AsyncIterator[asyncio.Task[None]]:
    """Work for as long as a block, which it ends by failing: its error is raised then."""
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(work)
            try:
                yield task
            finally:
                task.cancel()
    except BaseExceptionGroup as errors:  # of the work or of the block
        first = errors.exceptions[0]
        raise first from first.__cause__


async def first_of(*works: Coroutine[Any, Any, object]) -> None:
    """Work at all of them until one is over, or fails; the others are cancelled."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in done:
        task.result()
