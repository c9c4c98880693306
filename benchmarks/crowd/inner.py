"""A batching loop and its sessions in one process: model and clock are real, and nothing is sent.

Sessions belong to tenants, which is what the loop is asked to tell apart.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Self

import torch

from benchmarks.crowd.bare import BareConversation
from duologue.batching.load_plan import Load
from duologue.batching.loop import BatchLoop
from duologue.batching.messages import Answer, Delivery, StreamEnded, Take, Unseated, Work
from duologue.batching.model_limits import ModelLimits
from duologue.batching.observer import LoopObserver
from duologue.batching.seating import Seating
from duologue.batching.tenant_turns import Served, TenantTurns
from duologue.clock import TickClock, UnixClock
from duologue.lane.slices import Slice, SliceResult
from duologue.lane.state import LaneState
from duologue.runtime.assembly import Assembly
from duologue.session.session import Session
from duologue.session.setup import SessionSetup
from duologue.session_config import SessionConfig
from duologue.settings import Settings


class ForwardMeter(LoopObserver):
    """Adds up the time of forwards by tenant; written by the loop's thread."""

    def __init__(self) -> None:
        self.spent_us: Counter[str] = Counter()
        self.num_forwards = 0
        self.num_rows = 0

    def forward_over(self, took_ms: float, num_rows: int) -> None:
        self.num_forwards += 1
        self.num_rows += num_rows

    def tenants_served(self, served: Mapping[str, Served]) -> None:
        for tenant_id, each in served.items():
            self.spent_us[tenant_id] += round(1e3 * each.forward_ms)  # whole microseconds


class InnerSeat:
    """A seat at the loop; used on the event loop's thread."""

    def __init__(self, loop: BatchLoop, clock: UnixClock) -> None:
        self._loop = loop
        self._clock = clock
        self._answers: asyncio.Queue[Answer] = asyncio.Queue()

    def put(self, answer: Answer) -> None:
        self._answers.put_nowait(answer)

    async def submit(self, work: Slice) -> None:
        self._loop.post(Work(self, work, self._clock.now_ms()))

    async def __aiter__(self) -> AsyncIterator[SliceResult | Load]:
        while True:
            answer = await self._answers.get()
            if isinstance(answer, Unseated):
                raise answer.error
            if isinstance(answer, SliceResult | Load):
                yield answer

    async def close(self) -> None:
        self._loop.post(StreamEnded(self))


class InnerPlatform:
    """The loop on its thread, from entering to leaving."""

    def __init__(self, assembly: Assembly, settings: Settings, threads: int) -> None:
        self.settings = settings
        self.meter = ForwardMeter()
        self._words = assembly.setup
        self._clock = UnixClock()
        geometry = assembly.model.geometry
        limits = ModelLimits(geometry.vocab_size, geometry.max_positions, True)
        seating = Seating(
            assembly.engine, assembly.model.chat, limits, settings.batching.max_sessions
        )
        self.turns = TenantTurns.of(seating.roster, settings)
        self.loop = BatchLoop(
            seating,
            self._clock,
            TickClock(0.0, settings.decoding.tick_ms),
            settings.batching,
            self._scatter,
            observer=self.meter,
            turns=self.turns,
        )
        self._event_loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, args=(threads,), name="forwards")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.stop()
        self._thread.join()

    def converse(
        self, tenant_id: str, name: str, config: SessionConfig, weight: float = 1.0
    ) -> BareConversation:
        """A conversation of that tenant."""
        session = Session(f"{tenant_id}/{name}", self._setup(config))

        async def sit(session: Session) -> InnerSeat:
            seat, setup = InnerSeat(self.loop, self._clock), session.setup
            take = Take(
                seat,
                session.session_id,
                session.session_id,
                session.epoch,
                setup.strategy,
                LaneState.of(session.lane),
                setup.profile,
                had_seat=True,
                tenant_id=tenant_id,
                weight=weight,
            )
            self.loop.post(take)
            return seat

        return BareConversation(session, sit, self.settings.decoding.tick_ms)

    def _setup(self, config: SessionConfig) -> SessionSetup:
        settings = self.settings
        return replace(
            self._words,
            decoding=config.decoding(settings.decoding),
            sampling=config.sampling(settings.sampling),
            floor=config.floor_settings(settings.floor),
        )

    def _run(self, threads: int) -> None:
        torch.set_num_threads(threads)
        self.loop.run()

    def _scatter(self, deliveries: Sequence[Delivery]) -> None:
        if not self._event_loop.is_closed():
            self._event_loop.call_soon_threadsafe(_put_all, deliveries)


def _put_all(deliveries: Sequence[Delivery]) -> None:
    for seat, answer in deliveries:
        assert isinstance(seat, InnerSeat)
        seat.put(answer)
