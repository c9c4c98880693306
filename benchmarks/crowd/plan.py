"""Who comes when, and for how long: decided before the run, whatever the platform does."""

from dataclasses import dataclass
from random import Random

from duologue.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Arrival:
    """One person's visit; times in seconds from the start of the run."""

    number: int
    at_s: float
    until_s: float


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """An open load: arrivals do not wait for the platform, nor for those who came before."""

    sessions: int
    """People who are there at the same time, once all have come; on average with `stay_s`."""
    duration_s: float
    """From the first arrival to the end."""
    ramp_s: float = 20.0
    """The first people come at random times within it; what is measured begins behind it."""
    stay_s: float | None = None
    """People leave after this time on average, and others come; None: they stay to the end."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.sessions < 1:
            raise InvalidInput(f"must be 1 or more, not {self.sessions}", field="sessions")
        if not 0 <= self.ramp_s < self.duration_s:
            raise InvalidInput(
                f"must be from 0 to below the duration of {self.duration_s:g} s", field="ramp_s"
            )
        if self.stay_s is not None and not self.stay_s > 0:
            raise InvalidInput(f"must be above 0, not {self.stay_s}", field="stay_s")

    @property
    def platform_settings(self) -> list[str]:
        """Of a platform that expects these people (`section.name=value`): actors for all are warm,
        which `duologue up` waits for, and no more start while they talk."""
        if self.stay_s is not None:
            return []
        return [f"sessions.{name}={self.sessions}" for name in ("warm_actors", "max_sessions")]

    def arrivals(self) -> list[Arrival]:
        """All visits in the order of their beginning: a Poisson process by the seed."""
        random = Random(self.seed)
        # Poisson arrivals of which the number is known are uniform and independent.
        times = [random.uniform(0, self.ramp_s) for _ in range(self.sessions)]
        if self.stay_s is not None:
            times += self._successors(random)
        ends = [self._end(at_s, random) for at_s in times]
        visits = sorted(zip(times, ends, strict=True))
        return [Arrival(number, *visit) for number, visit in enumerate(visits)]

    def _successors(self, random: Random) -> list[float]:
        """As many come as leave, on average."""
        assert self.stay_s is not None
        times, at_s = [], self.ramp_s
        while (at_s := at_s + random.expovariate(self.sessions / self.stay_s)) < self.duration_s:
            times.append(at_s)
        return times

    def _end(self, at_s: float, random: Random) -> float:
        if self.stay_s is None:
            return self.duration_s
        return min(self.duration_s, at_s + random.expovariate(1 / self.stay_s))
