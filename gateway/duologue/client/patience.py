"""How long a client goes on trying: growing waits with jitter, and a limit."""

from dataclasses import dataclass, field
from random import Random

from duologue.clock import Clock


@dataclass(frozen=True, slots=True)
class Patience:
    """Times between attempts, and when to give up."""

    first_ms: float = 100.0
    """Wait after the first failure."""
    factor: float = 2.0
    """Each further wait is so many times as long."""
    max_ms: float = 5_000.0
    """No wait is longer, unless the platform asks for it."""
    resume_within_ms: float = 60_000.0
    """A broken conversation that cannot be resumed within this time is given up."""
    open_within_ms: float = 3_000.0
    """The same for one that has not begun: gateways that do not answer are tried so long."""

    def __post_init__(self) -> None:
        if not 0 < self.first_ms <= self.max_ms:
            raise ValueError("first_ms must be above 0 and not above max_ms")
        if self.factor < 1 or self.resume_within_ms < 0 or self.open_within_ms < 0:
            raise ValueError("factor must be 1 or more, and limits 0 or more")

    def wait_ms(self, failures: int, random: Random) -> float:
        """The wait after so many failures in a row: half of it fixed, half by chance."""
        assert failures >= 1
        exponent = min(failures - 1, 64)
        longest_ms = min(self.max_ms, self.first_ms * self.factor**exponent)
        return longest_ms * (0.5 + 0.5 * random.random())


@dataclass(slots=True)
class Outage:
    """The time from the first failure until something proves that the connection works."""

    patience: Patience
    clock: Clock
    random: Random
    failures: int = 0
    _began_ms: float = field(default=0.0)

    @property
    def lasts_ms(self) -> float:
        return self.clock.now_ms() - self._began_ms if self.failures else 0.0

    def next_wait_ms(self, limit_ms: float, at_least_ms: float = 0.0) -> float | None:
        """Count a failure; how long to wait before the next attempt, None to give up.

        The last wait is cut so that one attempt is made when the limit is reached.
        """
        if self.failures == 0:
            self._began_ms = self.clock.now_ms()
        self.failures += 1
        left_ms = limit_ms - self.lasts_ms
        if left_ms <= 0:
            return None
        wait_ms = max(at_least_ms, self.patience.wait_ms(self.failures, self.random))
        return min(wait_ms, left_ms)

    def jitter_ms(self) -> float:
        """A short wait by chance, so that many who move do not all come at once."""
        return self.patience.wait_ms(1, self.random)

    def is_over(self) -> None:
        """The connection works."""
        self.failures = 0
