"""How nodes and batching actors stand, as they announce it, and the room that they make."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Shedding(StrEnum):
    """What a batching actor leaves out because its ticks are late; each includes those before."""

    NONE = "none"
    LOOK_AHEAD = "look_ahead"
    REPLY_TOKENS = "reply_tokens"
    ADMISSION = "admission"
    """It takes no new sessions."""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A node that holds sessions."""

    node_id: str
    address: str
    """Where its agent listens."""
    sessions: int
    """Sessions that are live on it."""
    max_sessions: int
    warm_actors: int
    """Actors that wait for a session."""
    is_draining: bool = False
    """Whether it takes no new sessions, by its own will or by an operator's."""

    @property
    def room(self) -> int:
        """Sessions that it takes now."""
        return 0 if self.is_draining else max(0, self.max_sessions - self.sessions)


@dataclass(frozen=True, slots=True)
class BatcherStatus:
    """An actor that holds a model."""

    batcher_id: str
    address: str
    """Where it listens."""
    node_id: str
    sessions: int
    """Sessions that are seated at it."""
    max_sessions: int
    shedding: Shedding = Shedding.NONE
    late_tick_share: float = 0.0
    """Share of recent ticks that ended after their deadline."""
    model: str = ""
    is_healthy: bool = True
    """Whether a real forward ended lately."""
    is_draining: bool = False
    """Whether its sessions are to sit elsewhere, by its own will or by an operator's."""
    tick_ms: float = 0.0
    """What the longest slice of a recent tick took, on average; 0 when nobody talked."""
    longest_tick_ms: float = 0.0
    """What the longest slice of all recent ticks took."""
    deadline_ms: float = 0.0
    """What slices are to stay under; 0 where nobody told. The store keeps this figure, and those
    around it, apart (`Store.batchers_with_figures`)."""
    rows_per_forward: float = 0.0
    """Rows that recent forwards had, on average."""
    held_cells: int = 0
    """Key/value cells in the blocks that sessions hold."""
    max_cells: int = 0

    @property
    def room(self) -> int:
        """Sessions that it seats now."""
        is_well = self.is_healthy and not self.is_draining
        is_open = is_well and self.shedding is not Shedding.ADMISSION
        return max(0, self.max_sessions - self.sessions) if is_open else 0


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much room the cluster has. A live session needs a place on a node and at a batcher."""

    live_sessions: int
    max_sessions: int
    room: int
    """Sessions that can be brought to life now."""

    @classmethod
    def of(cls, nodes: Sequence[NodeStatus], batchers: Sequence[BatcherStatus]) -> "Capacity":
        """The capacity of a cluster that has just these nodes and batching actors."""
        places = sum(n.sessions if n.is_draining else n.max_sessions for n in nodes)
        seats = sum(b.max_sessions for b in batchers)
        return cls(
            live_sessions=sum(n.sessions for n in nodes),
            max_sessions=min(places, seats),
            room=min(sum(n.room for n in nodes), sum(b.room for b in batchers)),
        )

    @property
    def admits(self) -> bool:
        """Whether new sessions are taken."""
        return self.room > 0
