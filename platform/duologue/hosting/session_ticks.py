"""When a session submits: once in a tick, at its start, or at once when something comes up."""

from duologue.clock import TickClock

RESULT_WITHIN_MS = 30_000.0
"""A slice that was not answered after so long never will be."""


class SessionTicks:
    """The shared clock, as one session goes by it."""

    def __init__(self, ticks: TickClock) -> None:
        self.ticks = ticks
        self._last_tick: int | None = None
        self._submitted_ms = 0.0

    def may_submit(self, need_ms: float | None, now_ms: float) -> bool:
        """Whether now is the time, for a session that has something to ask for from `need_ms` on.

        A tick that has begun already will do: a slice may join it at its next forward.
        """
        is_needed = need_ms is not None and need_ms <= now_ms
        return is_needed and self.ticks.tick_at(now_ms) != self._last_tick

    def submitted(self, now_ms: float) -> None:
        """A slice left."""
        self._last_tick = self.ticks.tick_at(now_ms)
        self._submitted_ms = now_ms

    @property
    def overdue_ms(self) -> float:
        """When the slice under way is to be given up."""
        return self._submitted_ms + RESULT_WITHIN_MS

    def next_ms(self, need_ms: float, now_ms: float) -> float:
        """When to look again: at the start of the first tick, after now, in which it may submit."""
        start = self.ticks.start_of(self.ticks.tick_at(need_ms))
        if start > now_ms and start >= need_ms:
            return start
        return self.ticks.start_of(self.ticks.tick_at(max(need_ms, now_ms)) + 1)
