"""What a forward costs by its rows: a straight line through those of late."""

from dataclasses import dataclass

DECAY = 0.97
"""How much of a measurement's weight is left at the next: about thirty of them count."""

SURPRISE = 4.0
"""A forward that took so many times as long as was expected was kept from its core: no more of it
counts."""

PRIOR_WEIGHT = 1.0
"""Of the belief that half of a forward's time is by its rows. It counts while all forwards have
about the same number of rows, from which nothing can be told."""


@dataclass(slots=True)
class ForwardCost:
    """Milliseconds of a forward = fixed + per row. Before the first measurement both are 0."""

    fixed_ms: float = 0.0
    row_ms: float = 0.0
    _weight: float = 0.0
    _rows: float = 0.0
    _ms: float = 0.0
    _rows_rows: float = 0.0
    _rows_ms: float = 0.0

    def measured(self, num_rows: int, took_ms: float) -> None:
        """A forward with so many rows took so long."""
        if self._weight > 1.0:
            took_ms = min(took_ms, SURPRISE * self.ms(num_rows))
        self._weight = DECAY * self._weight + 1.0
        self._rows = DECAY * self._rows + num_rows
        self._ms = DECAY * self._ms + took_ms
        self._rows_rows = DECAY * self._rows_rows + num_rows * num_rows
        self._rows_ms = DECAY * self._rows_ms + num_rows * took_ms
        mean_rows, mean_ms = self._rows / self._weight, self._ms / self._weight
        variance = max(0.0, self._rows_rows / self._weight - mean_rows**2)
        covariance = self._rows_ms / self._weight - mean_rows * mean_ms
        believed = 0.5 * mean_ms / mean_rows
        slope = (covariance + PRIOR_WEIGHT * believed) / (variance + PRIOR_WEIGHT)
        self.row_ms = min(max(0.0, slope), mean_ms / mean_rows)
        self.fixed_ms = mean_ms - self.row_ms * mean_rows

    def ms(self, num_rows: int) -> float:
        """What a forward with so many rows is expected to take."""
        return self.fixed_ms + self.row_ms * num_rows

    def rows_within(self, limit_ms: float, most: int) -> int:
        """Rows of a forward that takes no longer than that, as far as can be told."""
        if self.ms(most) <= limit_ms:
            return most
        return max(0, min(most, int((limit_ms - self.fixed_ms) / self.row_ms)))
