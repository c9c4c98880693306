"""How many batching actors a model should have, from what those that are there say.

A number follows from the fullest of three measures, as in Kubernetes' own autoscaler: with a share
s in use on average over n of them and a share t wanted, ceil(n · s / t).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WANTED_SEATS_SHARE = 0.75
WANTED_CELLS_SHARE = 0.75
WANTED_TICK_SHARE = 0.7
"""Of a tick, by its longest slice. It grows by less than the number of sessions does, since they
share forwards: what is computed from it errs on the side of too many."""
MAX_LATE_SHARE = 0.1
"""Late ticks beyond which another one is wanted, whatever else is said."""
TOLERANCE = 0.1
"""A number that changes by less than this share stays, or it would swing."""


@dataclass(frozen=True, slots=True)
class BatcherDemand:
    """What one batching actor says of itself."""

    seats_share: float
    """Of its seats, those that are taken."""
    cells_share: float
    """Of its memory for cells, what holds a token."""
    tick_slack: float
    """Of the time of a tick, what the longest slices left."""
    late_tick_share: float

    @property
    def fullness(self) -> float:
        """1 is as full as wanted."""
        return max(
            self.seats_share / WANTED_SEATS_SHARE,
            self.cells_share / WANTED_CELLS_SHARE,
            (1.0 - self.tick_slack) / WANTED_TICK_SHARE,
        )


def wanted_batchers(demands: Sequence[BatcherDemand], *, present: int) -> int:
    """How many there should be; `present` when nobody says anything, or those that start have not
    yet spoken."""
    if not demands or len(demands) < present:
        return present
    fullness = sum(demand.fullness for demand in demands)
    is_late = sum(demand.late_tick_share for demand in demands) / present > MAX_LATE_SHARE
    if is_late:
        return max(present + 1, math.ceil(fullness))
    if abs(fullness / present - 1.0) <= TOLERANCE:
        return present
    return max(1, math.ceil(fullness))
