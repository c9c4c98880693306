"""A session that sits at a batching actor, moved tick by tick like one in a `LocalRuntime`."""

from collections.abc import Sequence

from duologue.actors.batcher_client import RemoteSeat
from duologue.clock import ManualClock, TickClock
from duologue.events import ClientEvent, Envelope
from duologue.lane.slices import SliceResult
from duologue.lane.state import LaneState
from duologue.session.session import Session
from duologue.session.setup import SessionSetup
from tests.waiting import waiting_for


class Speaker:
    """One session, its seat, and what its client was told."""

    def __init__(
        self, session: Session, seat: RemoteSeat, clock: ManualClock, tick_ms: float
    ) -> None:
        self.session = session
        self.seat = seat
        self.clock = clock
        self.told: list[Envelope] = []
        self.results: list[SliceResult] = []
        self._ticks = TickClock(clock.now_ms(), tick_ms)
        self._responses = aiter(seat)

    @property
    def tick(self) -> int:
        return self._ticks.tick_at(self.clock.now_ms())

    def send(self, event: ClientEvent) -> None:
        self.told.extend(self.session.receive(event, self.clock.now_ms(), self.tick))

    async def run_tick(self) -> None:
        """A slice, if the session wants one, and its result."""
        if await self.ask():
            await self.listen()
        self.clock.advance(self._ticks.period_ms)

    async def run_ticks(self, count: int) -> None:
        for _ in range(count):
            await self.run_tick()

    async def ask(self) -> bool:
        """Let the time bring what is due, and submit what the session wants now; returns whether it
        wants anything."""
        self._elapse()
        work = self.session.next_slice(self.clock.now_ms(), self.tick)
        if work is not None:
            await self.seat.submit(work)
        return work is not None

    def _elapse(self) -> None:
        now_ms = self.clock.now_ms()
        due_ms = self.session.pending(now_ms).elapse_ms
        if due_ms is not None and due_ms <= now_ms:
            self.told.extend(self.session.elapse(now_ms, self.tick))

    async def listen(self) -> SliceResult:
        """Take the next result; loads that come before it are passed over."""
        async with waiting_for("the result of a slice"):
            while not isinstance(response := await anext(self._responses), SliceResult):
                pass
        self.results.append(response)
        self.told.extend(self.session.absorb(response, self.clock.now_ms()))
        return response


async def sit(
    address: str,
    setup: SessionSetup,
    session_id: str = "s",
    *,
    epoch: int = 1,
    session: Session | None = None,
    had_seat: bool = False,
) -> RemoteSeat:
    """A seat for a session as it stands; for a new one, if none is given."""
    session = session or Session(session_id, setup)
    return await RemoteSeat.take(
        address,
        tenant_id="t",
        session_id=session_id,
        epoch=epoch,
        strategy=setup.strategy,
        lane=LaneState.of(session.lane),
        profile=setup.profile,
        had_seat=had_seat,
    )


async def speaker(address: str, setup: SessionSetup, session_id: str = "s") -> Speaker:
    """A new session that sits at a batching actor."""
    seat = await sit(address, setup, session_id)
    return Speaker(Session(session_id, setup), seat, ManualClock(), setup.decoding.tick_ms)


def texts(envelopes: Sequence[Envelope]) -> list[str]:
    """The text of every delta, in order."""
    return [str(e.event.text) for e in envelopes if hasattr(e.event, "text")]
