"""What happened to a session, in order: played again, it gives the session again."""

from dataclasses import dataclass, field

from duologue.events import ClientEvent
from duologue.lane.slices import SliceResult


@dataclass(frozen=True, slots=True)
class Received:
    """The client said something."""

    client_seq: int
    event: ClientEvent
    now_ms: float
    tick: int
    source: bytes = field(default=b"", compare=False)
    """The event as it came, if it came as bytes: so it is written down."""


@dataclass(frozen=True, slots=True)
class Departed:
    """A slice left; which one follows from what happened before."""

    now_ms: float
    tick: int


@dataclass(frozen=True, slots=True)
class Arrived:
    """A slice's result came."""

    result: SliceResult
    now_ms: float


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The result of the slice under way will never come."""

    now_ms: float


@dataclass(frozen=True, slots=True)
class Elapsed:
    """Time alone brought something; what follows from what happened before."""

    now_ms: float
    tick: int


Record = Received | Departed | Arrived | Abandoned | Elapsed
