"""Who waits for room, and who goes first: the higher priority, then the earlier arrival."""

from bisect import insort
from dataclasses import dataclass, field

from duologue.gateway.errors import ClusterFull


@dataclass(frozen=True, slots=True, order=True)
class PlaceInLine:
    """A place in the line. The smaller one goes first."""

    rank: int
    arrival: int
    priority: int = field(compare=False)


class WaitingRoom:
    """A bounded line. Pure: it knows neither time nor what is waited for."""

    def __init__(self, max_waiting: int) -> None:
        assert max_waiting >= 0
        self._max_waiting = max_waiting
        self._line: list[PlaceInLine] = []
        self._num_arrivals = 0

    def __len__(self) -> int:
        return len(self._line)

    def enter(self, priority: int) -> PlaceInLine:
        """Stand in line; raises ClusterFull when it is full. Who has a place keeps it."""
        if len(self._line) >= self._max_waiting:
            raise ClusterFull(
                f"no node takes another session, and {len(self._line)} wait already, as many as may"
            )
        self._num_arrivals += 1
        ticket = PlaceInLine(-priority, self._num_arrivals, priority)
        insort(self._line, ticket)
        return ticket

    def leave(self, ticket: PlaceInLine) -> None:
        """Served, or tired of waiting."""
        self._line.remove(ticket)

    def position(self, ticket: PlaceInLine) -> int:
        """How many are before it."""
        return self._line.index(ticket)
