"""Interleaved timing: every contender takes its turn in every round.

The speed of a shared machine drifts, so only what was measured side by side is compared: the ratio
of two contenders is the median of their ratios within the rounds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.contenders.contender import Contender
from benchmarks.priority import undisturbed

SLOW_STEP_S = 1.0
"""A contender this slow is not warmed up before each measurement, and takes one step a round."""


@dataclass(slots=True)
class Timing:
    """Milliseconds per step of one contender in one cell, round by round."""

    rounds: list[list[float]] = field(default_factory=list)

    @property
    def median_ms(self) -> float:
        return median(step for steps in self.rounds for step in steps)

    @property
    def min_ms(self) -> float:
        return min(step for steps in self.rounds for step in steps)

    def times_as_long_as(self, other: "Timing") -> float:
        """The median over the rounds of how much longer this took than the other."""
        pairs = zip(self.rounds, other.rounds, strict=False)
        return median(median(mine) / median(theirs) for mine, theirs in pairs)


@dataclass(slots=True)
class Cell:
    """One point of the benchmark and what everybody took for it."""

    sessions: int
    context: int
    timings: dict[str, Timing] = field(default_factory=dict)

    def tokens_per_s(self, name: str) -> float:
        return self.sessions / self.timings[name].median_ms * 1000


def measure_cell(
    contenders: Sequence[Contender],
    cell: Cell,
    *,
    rounds: int,
    steps: int,
    realtime: bool,
    on_round: Callable[[], None],
) -> None:
    """Fill the cell's timings; everybody holds its sessions for the whole of it."""
    for contender in contenders:
        with undisturbed(realtime):
            contender.prepare(cell.sessions, cell.context)
            contender.step()
        on_round()
    for _ in range(rounds):
        for contender in contenders:
            timing = cell.timings.setdefault(contender.name, Timing())
            with undisturbed(realtime):
                timing.rounds.append(_turn(contender, steps))
        on_round()
    for contender in contenders:
        contender.release()


def _turn(contender: Contender, steps: int) -> list[float]:
    """Milliseconds of a few steps in a row, after one that brings the caches back."""
    first_s = contender.step()
    if first_s > SLOW_STEP_S:
        return [first_s * 1000]
    return [contender.step() * 1000 for _ in range(steps)]
