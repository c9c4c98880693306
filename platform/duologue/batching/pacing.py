"""When a forward begins: at once, or a little later with more rows.

A forward costs as much for one row as for many, nearly: the weights are read either way. So slices
that are about to come are worth a short wait, as far as it can be told that they come: a session
whose reply goes on asks at the start of every tick.
"""

from dataclasses import dataclass

from duologue.clock import TickClock

CROWD_SHARE = 0.1
"""Share of a tick for which those are waited for that ask at its start."""


@dataclass(frozen=True, slots=True)
class ForwardSharers:
    """Who shares the next forward, or might."""

    num_under_way: int
    """Slices that a forward would carry now."""
    num_due: int = 0
    """Sessions that speak, are expected to ask in this tick, and have not asked."""
    num_next: int = 0
    """Sessions that speak, are expected in the next tick, and have all that they asked for."""


class Pacing:
    """Says how long to wait. With a `gather_ms` of 0, never."""

    def __init__(self, ticks: TickClock, gather_ms: float) -> None:
        self._ticks = ticks
        self._gather_ms = gather_ms
        self._gathers_until = 0.0

    def pause_over(self, taken_ms: float) -> None:
        """A slice came in when nothing was under way: others may come at the same time."""
        self._gathers_until = taken_ms + self._gather_ms

    def wait_ms(self, sharers: ForwardSharers, forward_ms: float, now_ms: float) -> float:
        """How long the next forward waits, which takes at least `forward_ms`."""
        if not self._gather_ms:
            return 0.0
        until_ms = self._gathers_until
        tick = self._ticks.tick_at(now_ms)
        if sharers.num_due:
            until_ms = max(
                until_ms, self._ticks.start_of(tick) + CROWD_SHARE * self._ticks.period_ms
            )
        next_ms = self._ticks.start_of(tick + 1)
        if _waits_for_next(sharers, next_ms - now_ms, forward_ms):
            until_ms = max(until_ms, next_ms)
        return max(0.0, until_ms - now_ms)


def _waits_for_next(sharers: ForwardSharers, left_ms: float, forward_ms: float) -> bool:
    """Whether a forward that would run into the next tick begins with it instead.

    The sum of the waits decides: what is under way waits for the tick's start, or everybody who
    asks then waits for the rest of the forward.
    """
    overlap_ms = forward_ms - left_ms
    return sharers.num_under_way * left_ms < sharers.num_next * overlap_ms
