"""A node's session actors: which of them wait, which hold a session, which are to go."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from duologue.errors import CapacityExceeded

Key = tuple[str, str]
"""Tenant and session."""

MAX_STARTING = 2
"""Actors that start at once: each takes half a second of a core."""

MAX_SERVED = 100
"""Sessions after which an actor is retired, whatever grew in it."""


class ActorPhase(Enum):
    """Where an actor stands."""

    STARTING = auto()
    WARM = auto()
    BINDING = auto()
    LIVE = auto()


@dataclass(slots=True, eq=False)
class PooledActor:
    """One session actor, as the pool knows it."""

    number: int
    phase: ActorPhase = ActorPhase.STARTING
    address: str = ""
    """Where it listens, once it is warm."""
    tenant_id: str | None = None
    """The tenant that it has served: it never serves another one."""
    key: Key | None = None
    """The session that it holds, or is about to."""
    epoch: int = 0
    num_served: int = 0


class Pool:
    """Decides; whoever runs it starts and ends the actors, and says what became of them.

    `max_sessions` are bound at the most. `num_warm` fresh actors are kept waiting, and as many
    that have served a tenant already; these wait for that tenant only.
    """

    def __init__(self, num_warm: int, max_sessions: int) -> None:
        self.num_warm = num_warm
        self.max_sessions = max_sessions
        self.is_draining = False
        self._places: dict[int, PooledActor] = {}
        self._num_made = 0

    def __iter__(self) -> Iterator[PooledActor]:
        return iter(tuple(self._places.values()))

    def __len__(self) -> int:
        return len(self._places)

    @property
    def num_bound(self) -> int:
        """Sessions that are live here, or are coming to life."""
        return sum(place.key is not None for place in self)

    @property
    def num_waiting(self) -> int:
        """Actors that could take a session at once."""
        return sum(place.phase is ActorPhase.WARM for place in self)

    @property
    def num_fresh(self) -> int:
        """Those of them that have served nobody yet."""
        return sum(place.phase is ActorPhase.WARM and place.tenant_id is None for place in self)

    def of(self, key: Key) -> PooledActor | None:
        """The actor that holds a session, or is about to."""
        return next((place for place in self if place.key == key), None)

    def to_start(self, num_wanted: int = 0) -> list[PooledActor]:
        """Actors to start now, so that there are enough; `num_wanted` sessions wait for one."""
        fresh = sum(
            place.phase is ActorPhase.STARTING
            or (place.phase is ActorPhase.WARM and not place.tenant_id)
            for place in self
        )
        target = 0 if self.is_draining else self.num_warm
        starting = sum(place.phase is ActorPhase.STARTING for place in self)
        room = self.max_sessions - self.num_bound
        lack = min(max(target, num_wanted), room) - fresh
        return [self._start() for _ in range(min(lack, MAX_STARTING - starting))]

    def started(self, place: PooledActor, address: str) -> None:
        """It can take a session."""
        assert place.phase is ActorPhase.STARTING, place
        place.phase, place.address = ActorPhase.WARM, address

    def check_room(self) -> None:
        """Raise CapacityExceeded if no further session is taken."""
        if self.is_draining:
            raise CapacityExceeded("this node is being drained and takes no new sessions")
        if self.num_bound >= self.max_sessions:
            raise CapacityExceeded(f"this node has {self.max_sessions} live sessions, the most")

    def reserve(self, key: Key) -> PooledActor | None:
        """An actor for a session; None when none is warm. Best one that knows the tenant.

        Raises CapacityExceeded.
        """
        assert self.of(key) is None, f"{key} is here already"
        self.check_room()
        tenant_id, _ = key
        fit = [
            place
            for place in self
            if place.phase is ActorPhase.WARM and place.tenant_id in (None, tenant_id)
        ]
        if not fit:
            return None
        place = max(fit, key=lambda place: (place.tenant_id is not None, -place.number))
        place.phase, place.key, place.tenant_id = ActorPhase.BINDING, key, tenant_id
        return place

    def bound(self, place: PooledActor, epoch: int) -> None:
        """The session is alive in it."""
        assert place.phase is ActorPhase.BINDING, place
        place.phase, place.epoch = ActorPhase.LIVE, epoch

    def released(self, place: PooledActor) -> bool:
        """The session is gone from it; returns whether it is kept for the same tenant.

        If it is not, it is forgotten here, and its process is to be ended.
        """
        assert place.key is not None, place
        place.key, place.num_served = None, place.num_served + 1
        place.phase, place.epoch = ActorPhase.WARM, 0
        num_used = sum(
            each.phase is ActorPhase.WARM and each.tenant_id is not None for each in self
        )
        is_kept = num_used <= self.num_warm and place.num_served < MAX_SERVED
        if not is_kept or self.is_draining:
            self.lost(place)
            return False
        return True

    def lost(self, place: PooledActor) -> None:
        """Its process is gone, or is about to be."""
        self._places.pop(place.number, None)

    def to_end(self) -> list[PooledActor]:
        """Actors that nobody needs any more, to be ended; they are forgotten here."""
        extra = [place for place in self if self.is_draining and place.phase is ActorPhase.WARM]
        for place in extra:
            self.lost(place)
        return extra

    def _start(self) -> PooledActor:
        self._num_made += 1
        place = self._places[self._num_made] = PooledActor(self._num_made)
        return place
