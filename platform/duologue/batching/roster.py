"""Who sits at a batching actor: one seat per session, held by one stream under one epoch."""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from duologue.batching.messages import Stream, Take, Work
from duologue.errors import StaleEpoch
from duologue.lane.profile import LaneProfile
from duologue.lane.state import LaneState
from duologue.strategies.base import Strategy

REMEMBERED_EPOCHS = 4096
"""Sessions that left whose epochs are still known."""

MAX_GAP_TICKS = 4
"""Who asks for slices less often is not expected."""


@dataclass(slots=True, eq=False)
class Sitting:
    """A session with its seat, and the slice that it waits for."""

    stream: Stream
    key: str
    """Names the session among those of all tenants."""
    session_id: str
    epoch: int
    strategy: Strategy
    profile: LaneProfile
    traceparent: str = ""
    work: Work | None = None
    """The slice under way."""
    before: LaneState | None = None
    """The lane as it was when that slice began: to return to, if the forward fails."""
    asked_tick: int = -1
    """In which its last slice came in."""
    expected_tick: int = -1
    """In which the next one comes if it asks as often as before, as it does while it speaks."""
    used_ms: float = 0.0
    """When its last slice ended."""
    may_have_cells: bool = False
    tenant_id: str = ""
    max_tenant_cells: int = 0
    """Of all sessions of the tenant here together; 0 for no limit."""
    weight: float = 1.0
    """Of its tenant's share of the model's time."""

    @property
    def is_busy(self) -> bool:
        return self.work is not None

    def asks(self, tick: int) -> None:
        """A slice comes in."""
        gap = tick - self.asked_tick
        self.asked_tick, self.expected_tick = tick, tick + gap if gap <= MAX_GAP_TICKS else -1


class Roster:
    """The sittings, by stream and by session."""

    def __init__(self) -> None:
        self._by_stream: dict[Stream, Sitting] = {}
        self._by_key: dict[str, Sitting] = {}
        self._epochs: OrderedDict[str, int] = OrderedDict()
        self._num_by_tenant: Counter[str] = Counter()
        self.weights: dict[str, float] = {}
        """Of the tenants that sit here, as their latest sessions tell them."""

    def __len__(self) -> int:
        return len(self._by_stream)

    def __iter__(self) -> Iterator[Sitting]:
        return iter(tuple(self._by_stream.values()))

    def at(self, stream: Stream) -> Sitting | None:
        """Who sits on that stream, if it has (still) a seat."""
        return self._by_stream.get(stream)

    def of(self, key: str) -> Sitting | None:
        """Who sits for that session."""
        return self._by_key.get(key)

    def check_epoch(self, key: str, epoch: int) -> None:
        """Raise StaleEpoch if a newer owner of the session was here.

        The same epoch is the same owner, on another stream: its latest stream counts.
        """
        newest = self._epochs.get(key, epoch)
        if epoch < newest:
            raise StaleEpoch(f"the session was seated under epoch {newest}, which is after {epoch}")

    def add(self, take: Take) -> Sitting:
        """Seat a session that has no seat."""
        assert take.key not in self._by_key, take.key
        sitting = Sitting(
            take.stream,
            take.key,
            take.session_id,
            take.epoch,
            take.strategy,
            take.profile,
            take.traceparent,
            tenant_id=take.tenant_id,
            max_tenant_cells=take.max_tenant_cells,
            weight=take.weight,
        )
        self._num_by_tenant[take.tenant_id] += 1
        self.weights[take.tenant_id] = take.weight
        self._by_stream[take.stream] = self._by_key[take.key] = sitting
        self._epochs[take.key] = take.epoch
        self._epochs.move_to_end(take.key)
        while len(self._epochs) > max(REMEMBERED_EPOCHS, len(self)):
            self._epochs.popitem(last=False)
        return sitting

    def remove(self, sitting: Sitting) -> None:
        """Take the seat away."""
        del self._by_stream[sitting.stream]
        del self._by_key[sitting.key]
        self._num_by_tenant[sitting.tenant_id] -= 1
        if not self._num_by_tenant[sitting.tenant_id]:
            del self._num_by_tenant[sitting.tenant_id], self.weights[sitting.tenant_id]
