"""What sessions ask of a batching actor, and what they are answered."""

from collections.abc import Hashable
from dataclasses import dataclass

from duologue.batching.load_plan import Load
from duologue.errors import DuologueError
from duologue.lane.profile import LaneProfile
from duologue.lane.slices import Slice, SliceResult
from duologue.lane.state import LaneState
from duologue.strategies.base import Strategy

Stream = Hashable
"""The connection of one session; the loop only tells streams apart."""


@dataclass(frozen=True, slots=True)
class Take:
    """The stream wants a seat for its session. The first command of a stream."""

    stream: Stream
    key: str
    """Names the session among those of all tenants; the engine knows it by this."""
    session_id: str
    epoch: int
    strategy: Strategy
    lane: LaneState
    profile: LaneProfile
    traceparent: str = ""
    """Where the session's trace goes on, in the W3C format."""
    had_seat: bool = False
    """It lost a seat, here or elsewhere, in a conversation that goes on."""
    tenant_id: str = ""
    max_tenant_cells: int = 0
    """Cells that the tenant's sessions may hold together here; 0 for no limit."""
    weight: float = 1.0
    """Of the tenant's share of the model's time."""


@dataclass(frozen=True, slots=True)
class Work:
    """A slice; `taken_ms` is when it came in, by the loop's clock."""

    stream: Stream
    slice: Slice
    taken_ms: float


@dataclass(frozen=True, slots=True)
class Change:
    """From the next slice on, other ways."""

    stream: Stream
    profile: LaneProfile


@dataclass(frozen=True, slots=True)
class GiveCells:
    """Give up the cells until they are needed again."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """The stream has ended, whatever became of its seat. Its last command."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class Dismiss:
    """Some sessions are to sit elsewhere; nobody's slice is cut short by it."""

    num_sessions: int
    """The most of them."""
    also_speaking: bool
    """Whether also those whose reply is under way."""


Command = Take | Work | Change | GiveCells | StreamEnded | Dismiss


@dataclass(frozen=True, slots=True)
class Seated:
    """The seat is taken."""

    load: Load


@dataclass(frozen=True, slots=True)
class Unseated:
    """The seat was refused, or is lost; nothing else follows on this stream."""

    error: DuologueError


Answer = Seated | SliceResult | Load | Unseated

Delivery = tuple[Stream, Answer]
