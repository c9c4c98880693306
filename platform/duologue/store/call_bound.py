"""The time that one call has, however often it tries, and whatever the client library swallows."""

import asyncio
import builtins
from types import TracebackType
from typing import Self


class CallBound:
    """`async with CallBound(5.0) as bound:` ends within its time, or raises TimeoutError.

    `asyncio.wait_for` of Python 3.11, by which the client library writes, drops a cancellation that
    comes together with the end of the writing. So a loop inside has to `check`, and a task that was
    cancelled meanwhile ends so after all.
    """

    def __init__(self, within_s: float) -> None:
        self.failure: Exception | None = None
        """Of the latest try."""
        self._within_s = within_s
        self._limit = asyncio.timeout(within_s)
        task = asyncio.current_task()
        assert task is not None, "calls are made by tasks"
        self._task = task
        self._cancelled_before = task.cancelling()

    def check(self) -> None:
        """Raise what was swallowed."""
        if self._limit.expired():
            raise builtins.TimeoutError
        if self._task.cancelling() > self._cancelled_before:
            raise asyncio.CancelledError

    async def __aenter__(self) -> Self:
        await self._limit.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self._limit.__aexit__(kind, error, trace)
        except builtins.TimeoutError:
            raise self._timeout() from error
        if self._task.cancelling() > self._cancelled_before:
            raise asyncio.CancelledError
        if isinstance(error, builtins.TimeoutError) and self._limit.expired():
            raise self._timeout() from error

    def _timeout(self) -> builtins.TimeoutError:
        before = f"; before that: {self.failure}" if self.failure else ""
        return builtins.TimeoutError(f"nothing within {self._within_s:g} s{before}")
