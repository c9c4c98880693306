"""Keeps a gateway running: whenever it ends by itself, it is started again at the same address."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Protocol

from duologue.background import Background
from duologue.clock import Clock, MonotonicClock
from duologue.errors import DuologueError
from duologue.gateway.backoff import Attempts, Backoff

LASTING_MS = 30_000.0
"""A gateway that ran for so long was in order; what ended it is no reason to give it up."""
RESTARTS = Backoff(first_ms=100.0, max_ms=5_000.0, within_ms=60_000.0)


class Child(Protocol):
    """The process; `GatewayChild` is one."""

    address: str

    async def start(self) -> None: ...
    async def ended(self) -> str: ...
    async def stop(self) -> None: ...


class GatewayKeeper:
    """Tries again with growing waits, and gives up when no gateway lasted for a minute."""

    def __init__(
        self,
        child: Child,
        say: Callable[[str], None],
        *,
        backoff: Backoff = RESTARTS,
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        """`say` is told of each end, for people."""
        self._child = child
        self._say = say
        self._clock = clock or MonotonicClock()
        self._attempts = Attempts(backoff, self._clock, random or Random())
        self._given_up: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._background = Background(lambda error: self._give_up(repr(error)))

    async def start(self) -> None:
        """Start it, and keep it from then on; raises DuologueError if it does not come up."""
        await self._child.start()
        self._background.start(self._keep(), "keeping the gateway")

    async def failed(self) -> str:
        """Wait until it is given up; returns why."""
        return await asyncio.shield(self._given_up)

    async def stop(self) -> None:
        """Let it drain for a moment, and end it for good."""
        await self._background.stop()
        await self._child.stop()

    async def _keep(self) -> None:
        while not self._given_up.done():
            began_ms = self._clock.now_ms()
            words = await self._child.ended()
            if self._clock.now_ms() - began_ms >= LASTING_MS:
                self._attempts.progressed()
            self._say(f"the gateway has ended ({words}) and is started again")
            await self._restart(words)

    async def _restart(self, words: str) -> None:
        """Until it is up, or given up."""
        while (wait_ms := self._attempts.failed()) is not None:
            await asyncio.sleep(wait_ms / 1e3)
            try:
                await self._child.start()
            except DuologueError as error:
                await self._child.stop()
                words = str(error)
            else:
                return
        self._give_up(words)

    def _give_up(self, words: str) -> None:
        if not self._given_up.done():
            self._given_up.set_result(words)
