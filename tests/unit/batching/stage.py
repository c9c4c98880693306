"""A loop with an engine that computes nothing: it counts forwards, of a length that is said."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from duologue.batching.loop import BatchLoop
from duologue.batching.messages import (
    Answer,
    Delivery,
    Stream,
    StreamEnded,
    Take,
    Work,
)
from duologue.batching.model_limits import ModelLimits
from duologue.batching.observer import LoopObserver
from duologue.batching.seating import Seating
from duologue.clock import ManualClock, TickClock
from duologue.engine.turns import Turns
from duologue.errors import DuologueError, KVMemoryExhausted
from duologue.lane.judging import Judge
from duologue.lane.lane import Lane
from duologue.lane.profile import LaneProfile
from duologue.lane.slices import Slice, SliceBroken, SliceResult
from duologue.lane.state import LaneState
from duologue.service_settings import BatchingSettings
from duologue.states import State
from duologue.strategies.base import Strategy
from duologue.strategies.registry import strategy_named
from duologue.text.chat import ChatFormat

TICK_MS = 100.0
VOCAB_SIZE = 50
MAX_POSITIONS = 40

CHAT = ChatFormat(
    bare_opening=(),
    system_header=(1,),
    system_end=(2,),
    user_header=(3,),
    user_end=(4,),
    reply_header=(5,),
    reply_end=(6,),
    stop_tokens=frozenset({6}),
    supports_system=True,
)
PROFILE = LaneProfile(Judge({State.QUERY: 0.5}), frozenset({6}), context_limit_tokens=MAX_POSITIONS)


@dataclass
class CountingEngine:
    """A slice takes as many forwards as it asks for reply tokens; look-ahead adds rows only."""

    clock: ManualClock
    forward_ms: float = 10.0
    num_forwards: int = 0
    num_rows: int = 0
    turns: Turns | None = None
    failure: Exception | None = None
    refusals: dict[str, Exception] = field(default_factory=dict)
    """What `submit` raises, by session."""
    faults: dict[tuple[str, str], Exception] = field(default_factory=dict)
    """What a method raises that has begun its work, by its name and the session."""
    broken: dict[str, SliceBroken] = field(default_factory=dict)
    """How slices end, by session."""
    runs_out_of_memory: bool = False
    submitted: list[Slice] = field(default_factory=list)
    rested: list[str] = field(default_factory=list)
    held_cells: dict[str, int] = field(default_factory=dict)
    """By session; those that rest hold none."""
    num_probes: int = 0
    shared_among: dict[str, str | None] = field(default_factory=dict)
    _seats: dict[str, tuple[int, Lane, LaneProfile]] = field(default_factory=dict)
    _left: dict[str, tuple[Slice, int]] = field(default_factory=dict)

    @property
    def has_work(self) -> bool:
        return bool(self._left)

    def open(
        self,
        session_id: str,
        epoch: int,
        lane: Lane,
        profile: LaneProfile,
        strategy: Strategy,
        shares_among: str | None = None,
    ) -> None:
        assert session_id not in self._seats
        self._fault("open", session_id)
        self.shared_among[session_id] = shares_among
        self._seats[session_id] = (epoch, lane, profile)

    def close(self, session_id: str, epoch: int) -> None:
        assert self._seats.pop(session_id)[0] == epoch
        self._left.pop(session_id, None)
        self._fault("close", session_id)

    def rest(self, session_id: str, epoch: int) -> None:
        if session_id in self._left:
            raise DuologueError("busy")
        self.rested.append(session_id)
        self.held_cells.pop(session_id, None)
        self._fault("rest", session_id)

    def change(self, session_id: str, epoch: int, profile: LaneProfile) -> None:
        self._fault("change", session_id)
        self._seats[session_id] = (epoch, self._seats[session_id][1], profile)

    def lane(self, session_id: str) -> Lane:
        return self._seats[session_id][1]

    def num_cells_held(self, session_ids: Sequence[str]) -> int:
        return sum(self.held_cells.get(each, 0) for each in session_ids)

    def submit(self, work: Slice) -> None:
        if work.session_id in self.refusals:
            raise self.refusals[work.session_id]
        assert self._seats[work.session_id][0] == work.epoch
        self.submitted.append(work)
        self._left[work.session_id] = (work, max(1, work.reply_tokens))

    def forward(self) -> list[SliceResult]:
        self.clock.advance(self.forward_ms)
        if self.failure is not None:
            raise self.failure
        self.num_forwards += 1
        self.num_rows += len(self._left)
        self._left = {key: (work, left - 1) for key, (work, left) in self._left.items()}
        done = [work for work, left in self._left.values() if left == 0]
        for work in done:
            del self._left[work.session_id]
        error = KVMemoryExhausted("full") if self.runs_out_of_memory else None
        errors = {work.session_id: self.broken.get(work.session_id, error) for work in done}
        return [
            SliceResult(
                work.session_id, work.epoch, work.tick, steps=(), error=errors[work.session_id]
            )
            for work in done
        ]

    def _fault(self, method: str, session_id: str) -> None:
        if (method, session_id) in self.faults:
            raise self.faults[method, session_id]

    def probe(self) -> None:
        if self.runs_out_of_memory:
            raise KVMemoryExhausted("full")
        if self.failure is not None:
            raise self.failure
        self.clock.advance(self.forward_ms)
        self.num_probes += 1


class Stage:
    """The loop, moved by hand, and what it answered."""

    def __init__(self, *, observer: LoopObserver | None = None, **settings: Any) -> None:
        self.clock = ManualClock()
        self.ticks = TickClock(0.0, TICK_MS)
        self.engine = CountingEngine(self.clock)
        self.deliveries: list[Sequence[Delivery]] = []
        chosen = BatchingSettings(**({"gather_ms": 0, "max_sessions": 4} | settings))
        limits = ModelLimits(VOCAB_SIZE, MAX_POSITIONS, can_judge=True)
        self.loop = BatchLoop(
            Seating(self.engine, CHAT, limits, chosen.max_sessions),
            self.clock,
            self.ticks,
            chosen,
            self.deliveries.append,
            timer=lambda: self.clock.now_ms() / 1000,
            observer=observer,
        )

    @property
    def tick(self) -> int:
        return self.ticks.tick_at(self.clock.now_ms())

    def take(
        self,
        stream: Stream,
        session_id: str = "s",
        epoch: int = 1,
        *,
        trunk: Sequence[int] = (1, 2),
        profile: LaneProfile = PROFILE,
        had_seat: bool = False,
        tenant_id: str = "",
        max_tenant_cells: int = 0,
    ) -> None:
        lane = LaneState.of(Lane(CHAT, trunk))
        take = Take(
            *(stream, session_id, session_id, epoch, strategy_named("duo"), lane, profile),
            had_seat=had_seat,
            tenant_id=tenant_id,
            max_tenant_cells=max_tenant_cells,
        )
        self.loop.post(take)

    def ask(
        self,
        stream: Stream,
        session_id: str = "s",
        epoch: int = 1,
        *,
        reply_tokens: int = 2,
        look_ahead_tokens: int = 0,
    ) -> None:
        """A slice that comes in now."""
        work = Slice(
            session_id,
            epoch,
            self.tick,
            reply_tokens=reply_tokens,
            look_ahead_tokens=look_ahead_tokens,
        )
        self.loop.post(Work(stream, work, self.clock.now_ms()))

    def leave(self, stream: Stream) -> None:
        self.loop.post(StreamEnded(stream))

    def run_until_idle(self) -> None:
        self.loop.run_once()
        while self.engine.has_work:
            self.loop.run_once()

    def go_to_tick(self, tick: int) -> None:
        """To the start of a tick, which the loop notices."""
        self.clock.advance(self.ticks.start_of(tick) - self.clock.now_ms())
        self.loop.run_once()

    def answers(self, stream: Stream, kind: type[Answer] | None = None) -> list[Answer]:
        """What the stream was answered, in order."""
        said = [answer for some in self.deliveries for to, answer in some if to == stream]
        return [answer for answer in said if kind is None or isinstance(answer, kind)]

    def last(self, stream: Stream) -> Answer:
        return self.answers(stream)[-1]
