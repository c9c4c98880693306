"""What became of the ticks lately: how long slices took, and what the forwards cost.

**The deadline.** A slice is due one period of the clock after it was taken in, wherever in a tick
that was: then its result is back before the session asks for the next one. A tick made its deadline
if every slice that was taken in during it was done when it was due. A tick without slices did.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from statistics import fmean

from duologue.clock import TickClock

WINDOW_TICKS = 64
"""Ticks that are remembered."""

WINDOW_FORWARDS = 48
"""Forwards that are remembered."""


SHORTEST_FORWARD_MS = 0.1
"""What a forward is taken to need at the least, also when none was measured yet."""


@dataclass(slots=True)
class TickRecord:
    """One tick: the slices taken in during it, and the forwards that began in it."""

    tick: int
    num_slices: int = 0
    num_done: int = 0
    num_misses: int = 0
    """Slices that were done after they were due."""
    longest_ms: float = 0.0
    """The longest time from taking a slice in to its result: the tick's duration."""
    num_forwards: int = 0
    num_rows: int = 0
    forward_ms: float = 0.0
    newest_overdue: float = -inf
    """The newest tick of which a slice was seen to be overdue during this one."""

    @property
    def is_settled(self) -> bool:
        """Whether every slice of it is done."""
        return self.num_done == self.num_slices

    @property
    def is_late(self) -> bool:
        return self.num_misses > 0

    @property
    def is_swamped(self) -> bool:
        """Whether half of its slices are overdue, when all of them are due."""
        num_overdue = self.num_misses + self.num_slices - self.num_done
        return 0 < self.num_slices <= 2 * num_overdue


@dataclass(frozen=True, slots=True)
class Pressure:
    """What a load plan is made from."""

    period_ms: float
    num_late: int
    """Ticks among the last few during which slices were seen to be overdue."""
    num_calm: float
    """Ticks in a row, up to now, during which none was."""
    num_swamped: int
    """Ticks among the last few of whose slices half were overdue."""
    num_clear: float
    """Ticks in a row, up to now, that were not swamped."""
    forward_ms: float
    """What the recent forwards took on average; 0 when there were none."""
    wanted_reply_tokens: int
    """The most that a recent slice asked for."""
    wanted_look_ahead_tokens: int

    def fitting_tokens(self, share: float) -> int:
        """Reply tokens of a slice that fit into a share of the period, one forward for each."""
        return int(self.period_ms * share / max(self.forward_ms, SHORTEST_FORWARD_MS))


@dataclass(slots=True)
class TickAccount:
    """Keeps the records of recent ticks. Times are the clock's, in milliseconds."""

    ticks: TickClock
    records: OrderedDict[int, TickRecord] = field(default_factory=OrderedDict)
    num_ticks: int = 0
    """Ticks with slices that are settled, since the start."""
    num_late_ticks: int = 0
    """Those of them that missed their deadline."""
    _reported: float = -inf
    _last_overdue: float = -inf
    _last_swamped: float = -inf
    _forward_ms: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW_FORWARDS))
    _wanted: deque[tuple[int, int, int]] = field(default_factory=lambda: deque(maxlen=512))

    def slice_taken(self, at_ms: float, reply_tokens: int, look_ahead_tokens: int) -> None:
        """A slice came in, which asks for so many tokens."""
        tick = self.ticks.tick_at(at_ms)
        self._record(tick).num_slices += 1
        self._wanted.append((tick, reply_tokens, look_ahead_tokens))

    def slice_done(self, taken_ms: float, now_ms: float) -> bool:
        """A slice that came in then is done; returns whether it was done when it was due."""
        record, took_ms = self._record(self.ticks.tick_at(taken_ms)), now_ms - taken_ms
        is_miss = took_ms > self.ticks.period_ms
        record.num_done += 1
        record.num_misses += is_miss
        if is_miss:
            self.slice_overdue(taken_ms, now_ms)
        record.longest_ms = max(record.longest_ms, took_ms)
        return not is_miss

    def slice_overdue(self, taken_ms: float, now_ms: float) -> None:
        """A slice that came in then is overdue now, whether it is done or not."""
        record, taken = self._record(self.ticks.tick_at(now_ms)), self.ticks.tick_at(taken_ms)
        record.newest_overdue = max(record.newest_overdue, taken)
        self._last_overdue = record.tick

    def slice_dropped(self, taken_ms: float) -> None:
        """Nobody waits any more for a slice that came in then."""
        self._record(self.ticks.tick_at(taken_ms)).num_slices -= 1

    def forward_done(self, started_ms: float, took_ms: float, num_rows: int) -> None:
        """A forward that began then has ended."""
        record = self._record(self.ticks.tick_at(started_ms))
        record.num_forwards += 1
        record.num_rows += num_rows
        record.forward_ms += took_ms
        self._forward_ms.append(took_ms)

    def settle(self, now_ms: float) -> list[TickRecord]:
        """Ticks with slices that are over and settled and were not returned before, in order.

        One whose slices hang is passed over once it leaves the window.
        """
        now = self.ticks.tick_at(now_ms)
        settled = [
            record
            for record in self.records.values()
            if self._reported < record.tick < now and record.num_slices
        ]
        ready = list(_leading_settled(settled))
        for record in ready:
            self._reported = record.tick
            self.num_ticks += 1
            self.num_late_ticks += record.is_late
        for tick in [tick for tick in self.records if tick <= now - WINDOW_TICKS]:
            del self.records[tick]
        return ready

    def pressure(self, now_ms: float, *, since_tick: int, recent_ticks: int) -> Pressure:
        """What the last `recent_ticks` tell of slices that came in from `since_tick` on."""
        now = self.ticks.tick_at(now_ms)
        recent = [self.records.get(tick) for tick in range(now - recent_ticks + 1, now + 1)]
        due = now - 2  # the last tick of which every slice is due by now
        swamped = [tick for tick, r in self.records.items() if tick <= due and r.is_swamped]
        self._last_swamped = max(self._last_swamped, *swamped, -inf)
        wanted = [tokens for tick, *tokens in self._wanted if tick >= now - WINDOW_TICKS]
        return Pressure(
            period_ms=self.ticks.period_ms,
            num_late=sum(r is not None and r.newest_overdue >= since_tick for r in recent),
            num_calm=max(0, now - 1 - max(self._last_overdue, since_tick - 1)),
            num_swamped=sum(tick >= max(since_tick, due - recent_ticks + 1) for tick in swamped),
            num_clear=max(0, due - max(self._last_swamped, since_tick - 1)),
            forward_ms=fmean(self._forward_ms or (0.0,)),
            wanted_reply_tokens=max((reply for reply, _ in wanted), default=1),
            wanted_look_ahead_tokens=max((ahead for _, ahead in wanted), default=0),
        )

    @property
    def shortest_forward_ms(self) -> float:
        """What a forward takes at the least, by those of late; 0 when there were none."""
        return min(self._forward_ms, default=0.0)

    @property
    def late_share(self) -> float:
        """Share of the remembered ticks with slices that missed their deadline."""
        with_slices = [record for record in self.records.values() if record.num_slices]
        return sum(record.is_late for record in with_slices) / max(1, len(with_slices))

    @property
    def slack(self) -> float:
        """What the longest slices of the remembered ticks left of their period: the mean share."""
        return 1.0 - min(1.0, self.mean_tick_ms / self.ticks.period_ms)

    @property
    def mean_tick_ms(self) -> float:
        """What the longest slice of a remembered tick took, on average; 0 when there was none."""
        return fmean(self._longest_ms or (0.0,))

    @property
    def longest_tick_ms(self) -> float:
        """What the longest slice of all remembered ticks took."""
        return max(self._longest_ms, default=0.0)

    @property
    def rows_per_forward(self) -> float:
        """Rows that the forwards of the remembered ticks had, on average."""
        records = self.records.values()
        num_forwards = sum(record.num_forwards for record in records)
        return sum(record.num_rows for record in records) / max(1, num_forwards)

    @property
    def _longest_ms(self) -> list[float]:
        return [record.longest_ms for record in self.records.values() if record.num_done]

    def _record(self, tick: int) -> TickRecord:
        record = self.records.get(tick)
        if record is None:
            record = self.records[tick] = TickRecord(tick)
        return record


def _leading_settled(records: Iterable[TickRecord]) -> Iterator[TickRecord]:
    for record in sorted(records, key=lambda record: record.tick):
        if not record.is_settled:
            return
        yield record
