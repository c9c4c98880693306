"""The time axis: where a moment lies in the picture. Long silences take little room."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

PX_PER_S = 160.0
LONGEST_GAP_MS = 2_500.0
"""A time without anything that is longer than this is cut out."""
AROUND_MS = 400.0
"""What is shown of it on both sides."""
CUT_PX = 48.0


@dataclass(frozen=True, slots=True)
class TimeStretch:
    """A time that is shown to scale."""

    start_ms: float
    end_ms: float
    left_px: float

    @property
    def right_px(self) -> float:
        return self.left_px + (self.end_ms - self.start_ms) * PX_PER_S / 1e3


@dataclass(frozen=True, slots=True)
class Axis:
    """Stretches from left to right, with a cut between each two."""

    stretches: tuple[TimeStretch, ...]

    @classmethod
    def over(cls, moments_ms: Iterable[float]) -> Self:
        """One that shows these moments, and what is around them. There must be one at least."""
        made: list[TimeStretch] = []
        first, *others = sorted(moments_ms)
        start_ms, last_ms, left_px = first - AROUND_MS, first, 0.0
        for moment_ms in others:
            if moment_ms - last_ms > LONGEST_GAP_MS:
                made.append(TimeStretch(start_ms, last_ms + AROUND_MS, left_px))
                start_ms, left_px = moment_ms - AROUND_MS, made[-1].right_px + CUT_PX
            last_ms = moment_ms
        return cls((*made, TimeStretch(start_ms, last_ms + AROUND_MS, left_px)))

    @property
    def width_px(self) -> float:
        return self.stretches[-1].right_px

    def x_of(self, at_ms: float) -> float:
        """Where a moment lies; within a cut, at the place that its share of the cut comes to."""
        index = bisect_right(self.stretches, at_ms, key=lambda each: each.start_ms) - 1
        here = self.stretches[max(0, index)]
        if at_ms <= here.end_ms or index + 1 >= len(self.stretches):
            into_ms = min(max(at_ms, here.start_ms), here.end_ms) - here.start_ms
            return here.left_px + into_ms * PX_PER_S / 1e3
        after = self.stretches[index + 1]
        share = (at_ms - here.end_ms) / (after.start_ms - here.end_ms)
        return here.right_px + share * CUT_PX

    @property
    def cuts(self) -> list[tuple[TimeStretch, TimeStretch]]:
        """The stretches on both sides of each cut."""
        return list(zip(self.stretches, self.stretches[1:], strict=False))

    def ticks_ms(self, every_ms: float, origin_ms: float) -> list[float]:
        """Moments at whole multiples of a time from an origin, as far as they are shown."""
        found = []
        for each in self.stretches:
            number = -((origin_ms - each.start_ms) // every_ms)
            while (at_ms := origin_ms + number * every_ms) <= each.end_ms:
                if at_ms >= each.start_ms:
                    found.append(at_ms)
                number += 1
        return found
