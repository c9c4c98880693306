"""Waiting in tests: every wait has a limit, and one that reaches it says what it waited for.

`waiting_for` bounds a block of waits, `News` lets one wait for a state that others change, and
`bounded` keeps a whole test below pytest's own limit, so that it ends in good order.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

WITHIN_S = 30.0
"""What has not come by then will not come, also on a busy machine."""
RAY_WITHIN_S = 90.0
"""The same of what Ray starts, or starts again: processes that import all of it first."""


@asynccontextmanager
async def waiting_for(
    what: str, instead: Callable[[], object] | None = None, *, within_s: float = WITHIN_S
) -> AsyncIterator[None]:
    """Bound the waits of the block; a failure tells what came instead."""
    limit = asyncio.timeout(within_s)
    try:
        async with limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise  # somebody else's
        came = "" if instead is None else f", and what came instead is {instead()}"
        raise AssertionError(f"waited {within_s:g} s for {what}{came}") from error


class News:
    """Wakes those who wait for a state, whenever it may have changed.

    They look at the state itself, which may have come before they wait.
    """

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def tell(self) -> None:
        """Something may have changed."""
        self._next.set()
        self._next = asyncio.Event()

    async def next(self) -> None:
        """Wait until something changes, for ever if nothing does: for a server's side only."""
        await self._next.wait()

    async def until(
        self,
        is_so: Callable[[], object],
        what: str,
        instead: Callable[[], object] | None = None,
        *,
        within_s: float = WITHIN_S,
    ) -> None:
        """Wait until something is so."""
        async with waiting_for(what, instead, within_s=within_s):
            while not is_so():
                await self.next()


def bounded(test: Callable[P, Awaitable[T]], within_s: float) -> Callable[P, Awaitable[T]]:
    """The test with a limit that breaks it off where it waits, and lets it clear away."""

    @wraps(test)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        async with waiting_for("the end of the test", within_s=within_s):
            return await test(*args, **kwargs)

    return run
