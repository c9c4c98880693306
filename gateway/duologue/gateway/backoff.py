"""How long a gateway goes on trying to bring a session back, and how long it waits between."""

from dataclasses import dataclass, field
from random import Random

from duologue.clock import Clock


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits between attempts, and the limits. The defaults outlast a batching actor's restart."""

    first_ms: float = 50.0
    factor: float = 2.0
    max_ms: float = 2_000.0
    within_ms: float = 30_000.0
    """From the first failure in a row to the last attempt."""

    def __post_init__(self) -> None:
        assert 0 < self.first_ms <= self.max_ms
        assert self.factor >= 1
        assert self.within_ms >= 0


@dataclass(slots=True)
class Attempts:
    """One session's failures in a row. A row ends when something new passed, not when a
    connection came about: what kills every actor anew must not do so without end."""

    backoff: Backoff
    clock: Clock
    random: Random
    num_failures: int = 0
    _began_ms: float = field(default=0.0)

    def failed(self) -> float | None:
        """Count a failure; milliseconds to wait before the next attempt, None to give up."""
        if self.num_failures == 0:
            self._began_ms = self.clock.now_ms()
        self.num_failures += 1
        if self.clock.now_ms() - self._began_ms >= self.backoff.within_ms:
            return None
        if self.num_failures == 1:
            return 0.0  # the first is worth an attempt at once
        exponent = min(self.num_failures - 2, 64)
        longest_ms = min(self.backoff.max_ms, self.backoff.first_ms * self.backoff.factor**exponent)
        return longest_ms * (0.5 + 0.5 * self.random.random())

    def progressed(self) -> None:
        """Something new passed between client and session."""
        self.num_failures = 0
