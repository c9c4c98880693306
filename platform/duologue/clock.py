"""Time as a parameter: clocks that run, clocks that tests move, and ticks as a function of time."""

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """Tells the time. Its zero is arbitrary, so only differences and the clock's own epochs mean
    something; it never goes back."""

    def now_ms(self) -> float:
        """Milliseconds since the clock's zero."""
        ...


class MonotonicClock:
    """The time that passes; setting the machine's clock does not disturb it."""

    def now_ms(self) -> float:
        """Milliseconds since this machine's monotonic zero."""
        return time.monotonic_ns() / 1e6


async def sleep_ms(duration_ms: float) -> None:
    """Let real time pass."""
    await asyncio.sleep(duration_ms / 1e3)


class UnixClock:
    """The time of day in Unix milliseconds, agreed between machines as far as theirs are set right.

    It is read once and then goes on monotonically, so that it never goes back within a process.
    With tick 0 at the Unix epoch, everyone who knows the period knows the tick.
    """

    def __init__(self) -> None:
        self._offset_ms = time.time_ns() / 1e6 - time.monotonic_ns() / 1e6

    def now_ms(self) -> float:
        """Milliseconds since the Unix epoch."""
        return self._offset_ms + time.monotonic_ns() / 1e6


class ManualClock:
    """A clock that stands still until it is moved: for tests, and for simulated conversations."""

    def __init__(self, start_ms: float = 0.0) -> None:
        self._now_ms = start_ms

    def now_ms(self) -> float:
        """Milliseconds, as far as the clock was moved."""
        return self._now_ms

    def advance(self, by_ms: float) -> None:
        """Move the clock forward; raises ValueError for a step back."""
        if not by_ms >= 0:
            raise ValueError(f"a clock cannot go {by_ms} ms forward")
        self._now_ms += by_ms


@dataclass(frozen=True, slots=True)
class TickClock:
    """The shared ticks: tick n lasts from `epoch_ms + n * period_ms` until tick n + 1 starts.

    A pure function, so that everyone who knows the epoch and the period agrees on the tick
    without a message. Times before the epoch have negative ticks.
    """

    epoch_ms: float
    period_ms: float

    def __post_init__(self) -> None:
        if not self.period_ms > 0:
            raise ValueError(f"a period must be above 0 ms, not {self.period_ms}")

    def tick_at(self, ms: float) -> int:
        """The tick in which a time lies; its start belongs to it, its end to the next."""
        tick = int((ms - self.epoch_ms) // self.period_ms)
        # Rounding may put a time a hair on the wrong side of a start; `start_of` is what counts.
        if ms >= self.start_of(tick + 1):
            return tick + 1
        if ms < self.start_of(tick):
            return tick - 1
        return tick

    def start_of(self, tick: int) -> float:
        """The time at which a tick starts, in milliseconds."""
        return self.epoch_ms + tick * self.period_ms

    def until_next(self, ms: float) -> float:
        """Milliseconds from a time to the start of the next tick; more than 0."""
        return self.start_of(self.tick_at(ms) + 1) - ms
