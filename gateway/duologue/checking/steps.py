"""Steps of a check: each is timed and limited, and the first that fails ends it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from duologue.clock import Clock
from duologue.errors import DuologueError


@dataclass(frozen=True, slots=True)
class Step:
    """How one step went."""

    name: str
    is_good: bool
    took_ms: float
    told: str
    """What was seen, or what went wrong."""


@dataclass(slots=True)
class Finding:
    """What a step has to tell when it went well."""

    told: str = ""


class StepFailed(Exception):
    """The check ends here; the step is noted."""


class Steps:
    """Those that were taken."""

    def __init__(self, clock: Clock, within_s: float, tell: Callable[[Step], None]) -> None:
        """`tell` is called after each step, of which none takes longer than `within_s`."""
        self.taken: list[Step] = []
        self._clock = clock
        self._within_s = within_s
        self._tell = tell

    @property
    def are_good(self) -> bool:
        return all(step.is_good for step in self.taken)

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[Finding]:
        """Note how the block went; raises StepFailed if it did not go well."""
        finding, began_ms = Finding(), self._clock.now_ms()
        limit = asyncio.timeout(self._within_s)
        try:
            async with limit:
                yield finding
        except DuologueError as error:
            self._note(name, began_ms, error=str(error))
            raise StepFailed from error
        except TimeoutError as error:
            if not limit.expired():
                raise
            self._note(name, began_ms, error=f"not done within {self._within_s:g} s")
            raise StepFailed from error
        self._note(name, began_ms, told=finding.told)

    def _note(
        self, name: str, began_ms: float, *, told: str = "", error: str | None = None
    ) -> None:
        took_ms = self._clock.now_ms() - began_ms
        step = Step(name, error is None, took_ms, told if error is None else error)
        self.taken.append(step)
        self._tell(step)
