"""The platform in one process: sessions and an engine on one clock."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from duologue.clock import Clock, TickClock
from duologue.engine.engine import Engine
from duologue.errors import InvalidInput, UnknownSession
from duologue.events import ClientEvent, Envelope
from duologue.lane.slices import SliceResult
from duologue.session.session import Session
from duologue.session.setup import SessionSetup

IDLE_AFTER_MS = 30_000.0
"""A session that is silent for so long gives up its cells until it is needed again."""

Listener = Callable[[str, Sequence[Envelope], float], None]
"""listener(session_id, envelopes, now_ms): where server events go, as soon as they are known."""

Charge = Callable[[float], None]
"""charge(ms): told how long each forward took; a simulated clock moves by it."""


@dataclass(frozen=True, slots=True)
class TickReport:
    """What a tick did."""

    tick: int
    num_slices: int
    num_forwards: int
    num_rows: int
    forward_ms: float
    results: tuple[SliceResult, ...]


@dataclass(slots=True)
class _Member:
    session: Session
    active_ms: float
    is_resting: bool = False


class LocalRuntime:
    """Runs ticks: gathers slices, merges them into forwards, hands out what came of them."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        *,
        tick_ms: float,
        listener: Listener = lambda session_id, envelopes, now_ms: None,
        charge: Charge | None = None,
    ) -> None:
        self.engine = engine
        self.clock = clock
        self.ticks = TickClock(epoch_ms=clock.now_ms(), period_ms=tick_ms)
        self._listener = listener
        self._charge = charge
        self._members: dict[str, _Member] = {}

    @property
    def sessions(self) -> Sequence[Session]:
        return [member.session for member in self._members.values()]

    @property
    def tick(self) -> int:
        """The present tick."""
        return self.ticks.tick_at(self.clock.now_ms())

    def open(self, session_id: str, setup: SessionSetup) -> Session:
        """Begin a conversation; raises InvalidInput if there is one of that name."""
        if session_id in self._members:
            raise InvalidInput(f"session {session_id} is open already")
        session = Session(session_id, setup)
        lane = setup.new_lane()
        self.engine.open(session_id, session.epoch, lane, setup.profile, setup.strategy)
        self._members[session_id] = _Member(session, self.clock.now_ms())
        return session

    def close(self, session_id: str) -> None:
        """End a conversation and free all that it holds."""
        member = self._member(session_id)
        self.engine.close(session_id, member.session.epoch)
        del self._members[session_id]

    def send(self, session_id: str, event: ClientEvent) -> None:
        """Hand a client event to its session."""
        session, now_ms = self._member(session_id).session, self.clock.now_ms()
        setup_before = session.setup
        envelopes = session.receive(event, now_ms, self.tick)
        if session.setup is not setup_before:
            self.engine.change(session_id, session.epoch, session.setup.profile)
        self._tell(session_id, envelopes)

    def next_due_ms(self) -> float | None:
        """When time alone brings something to a session, if nothing else happens until then."""
        now_ms = self.clock.now_ms()
        dues = (session.pending(now_ms).elapse_ms for session in self.sessions)
        return min((ms for ms in dues if ms is not None), default=None)

    def idle_ms(self) -> float:
        """How long there is nothing to do: until the next tick, or until the time brings something.

        What is due already is left out: `poll` first.
        """
        now_ms = self.clock.now_ms()
        tick_ms, due_ms = self.ticks.until_next(now_ms), self.next_due_ms()
        is_ahead = due_ms is not None and due_ms > now_ms
        return min(tick_ms, due_ms - now_ms) if due_ms is not None and is_ahead else tick_ms

    def poll(self) -> None:
        """Let the time bring what is due, without a slice."""
        now_ms = self.clock.now_ms()
        for session in self.sessions:
            due_ms = session.pending(now_ms).elapse_ms
            if due_ms is not None and due_ms <= now_ms:
                self._tell(session.session_id, session.elapse(now_ms, self.tick))

    def run_tick(self) -> TickReport:
        """Gather the sessions' slices and run forwards until all are done."""
        self.poll()
        tick = self.tick
        num_slices = sum(self._submit(member, tick) for member in self._members.values())
        before = self.engine.num_forwards, self.engine.num_rows
        results: list[SliceResult] = []
        forward_ms = 0.0
        while self.engine.has_work:
            done, took_ms = self._forward()
            forward_ms += took_ms
            for result in done:
                self._absorb(result)
            results.extend(done)
        return TickReport(
            tick=tick,
            num_slices=num_slices,
            num_forwards=self.engine.num_forwards - before[0],
            num_rows=self.engine.num_rows - before[1],
            forward_ms=forward_ms,
            results=tuple(results),
        )

    def _submit(self, member: _Member, tick: int) -> bool:
        session, now_ms = member.session, self.clock.now_ms()
        work = session.next_slice(now_ms, tick)
        if work is not None:
            self.engine.submit(work)
        if work is not None or not session.is_silent:
            member.active_ms, member.is_resting = now_ms, False
        elif now_ms - member.active_ms >= IDLE_AFTER_MS and not member.is_resting:
            self.engine.rest(session.session_id, session.epoch)
            member.is_resting = True
        return work is not None

    def _absorb(self, result: SliceResult) -> None:
        """Hand a result to its session, unless a listener has closed that meanwhile."""
        member = self._members.get(result.session_id)
        if member is not None:
            envelopes = member.session.absorb(result, self.clock.now_ms())
            self._tell(result.session_id, envelopes)

    def _forward(self) -> tuple[list[SliceResult], float]:
        started = time.perf_counter()
        done = self.engine.forward()
        took_ms = (time.perf_counter() - started) * 1e3
        if self._charge is not None:
            self._charge(took_ms)
        return done, took_ms

    def _tell(self, session_id: str, envelopes: Sequence[Envelope]) -> None:
        if envelopes:
            self._listener(session_id, envelopes, self.clock.now_ms())

    def _member(self, session_id: str) -> _Member:
        member = self._members.get(session_id)
        if member is None:
            raise UnknownSession(f"session {session_id} is not open here")
        return member
