"""A batching actor in a process: model, thread of forwards, server, announcement."""

import asyncio
import logging
import threading
from contextlib import suppress
from pathlib import Path
from typing import Protocol, Self

import torch
from grpc_health.v1 import health_pb2_grpc  # type: ignore[import-untyped]

from duologue.actors.batcher_options import BatcherOptions
from duologue.actors.batcher_server import BatchingServer
from duologue.actors.grpc_lifetime import GrpcLifetime
from duologue.actors.grpc_options import SERVER
from duologue.background import Background
from duologue.batching.draining import STEP_MS, Drain
from duologue.batching.loop import BatchLoop
from duologue.batching.model_limits import ModelLimits
from duologue.batching.observer import LoopObserver
from duologue.batching.seating import Seating
from duologue.batching.tenant_turns import TenantTurns
from duologue.clock import Clock, TickClock, UnixClock
from duologue.cluster_status import BatcherStatus
from duologue.errors import BatcherUnavailable, CapacityExceeded, DuologueError
from duologue.health_board import HealthBoard
from duologue.health_servicer import HealthServicer
from duologue.hosting.scaling import BatcherDemand
from duologue.kv.blocks import CELLS_PER_BLOCK
from duologue.peers import Peers
from duologue.runtime.assembly import Assembly
from duologue.settings import Settings
from duologue.v1.batching_pb2 import DescribeResponse
from duologue.v1.batching_pb2_grpc import add_BatchingServiceServicer_to_server
from duologue.wire.model import model_to_pb

log = logging.getLogger(__name__)

SERVICE = "duologue.v1.BatchingService"
ANNOUNCE_EVERY_S = 1.0
ANNOUNCED_FOR_MS = 5_000


class BatcherRegistry(Protocol):
    """Where a batching actor says that it is there; `duologue.store.Store` is one."""

    async def announce_batcher(self, status: BatcherStatus, ttl_ms: int = 5_000) -> bool: ...
    async def retract_batcher(self, batcher_id: str) -> None: ...
    async def batchers(self) -> tuple[BatcherStatus, ...]: ...


class BatcherProcess:
    """Serves a loaded model for as long as the context lasts.

    Everything but the forwards runs in the event loop that it was made in; the forwards have a
    thread of their own.
    """

    def __init__(
        self,
        assembly: Assembly,
        settings: Settings,
        options: BatcherOptions,
        *,
        announcer: BatcherRegistry | None = None,
        clock: Clock | None = None,
        observer: LoopObserver | None = None,
    ) -> None:
        self.assembly = assembly
        self.settings = settings
        self.options = options
        self.addresses: tuple[str, ...] = ()
        self.clock = clock or UnixClock()
        self._announcer = announcer
        self._peers = Peers.of(settings.cluster)
        self._server = self._peers.server(self._grpc_options())
        self._lifetime = GrpcLifetime(self._server)
        self._health = HealthBoard()
        self._batching = BatchingServer(options.batcher_id, _description(assembly))
        self.loop = self._make_loop(observer)
        self._batching.serve(self.loop)
        self._thread = threading.Thread(target=self._run_forwards, name="forwards", daemon=True)
        self._background = Background()
        self._drain: Drain | None = None
        self._death: BaseException | None = None

    @property
    def address(self) -> str:
        """Where sessions find it."""
        return self.addresses[0]

    @property
    def model_name(self) -> str:
        """What sessions call the model."""
        return self.settings.model.name or self.assembly.model.name

    @property
    def is_healthy(self) -> bool:
        """Whether a real forward ended lately."""
        return self._thread.is_alive() and self.loop.forward_health.is_healthy(self.clock.now_ms())

    @property
    def status(self) -> BatcherStatus:
        """What is announced."""
        told, memory = self.loop.status, self.assembly.engine.memory
        return BatcherStatus(
            batcher_id=self.options.batcher_id,
            address=self.address,
            node_id=self.options.node_id,
            sessions=told.load.num_sessions,
            max_sessions=self.settings.batching.max_sessions,
            shedding=told.load.shedding,
            late_tick_share=told.late_tick_share,
            model=self.model_name,
            is_healthy=self.is_healthy,
            is_draining=self._drain is not None,
            tick_ms=round(told.mean_tick_ms, 2),
            longest_tick_ms=round(told.longest_tick_ms, 2),
            deadline_ms=self.settings.decoding.tick_ms,
            rows_per_forward=round(told.rows_per_forward, 2),
            held_cells=memory.num_blocks_held * CELLS_PER_BLOCK,
            max_cells=memory.pool.num_blocks * CELLS_PER_BLOCK,
        )

    @property
    def demand(self) -> BatcherDemand:
        """What it says about how many batching actors there should be."""
        told, memory = self.loop.status, self.assembly.engine.memory
        return BatcherDemand(
            seats_share=told.load.num_sessions / self.settings.batching.max_sessions,
            cells_share=memory.held_share,
            tick_slack=told.tick_slack,
            late_tick_share=told.late_tick_share,
        )

    async def start(self) -> None:
        """Open the addresses and begin; raises BatcherUnavailable if one cannot be had."""
        add_BatchingServiceServicer_to_server(self._batching, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(HealthServicer(self._health), self._server)
        self.addresses = tuple(self._listen(address) for address in self.options.listen)
        self._thread.start()
        await self._lifetime.start()
        await self._keep_up()
        self._background.repeat(ANNOUNCE_EVERY_S, self._keep_up, "the announcement")

    async def drain(self) -> int:
        """Seat nobody any more, and let those who sit here go where there is room for them, within
        `batching.drain_ms`; returns how many stayed."""
        if self._drain is None:
            self._drain = Drain(self.clock.now_ms(), self.settings.batching.drain_ms)
            log.info("the batching actor %s is drained", self.options.batcher_id)
            self.loop.drain()
            await self._announce()
        while not self._drain.is_over(self.clock.now_ms(), self.loop.num_seated):
            room = await self._room_elsewhere()
            step = self._drain.step(self.clock.now_ms(), self.loop.num_seated, room)
            if step is not None:
                with suppress(CapacityExceeded):  # then it is done in the next step
                    self.loop.post(step)
            await asyncio.sleep(STEP_MS / 1e3)
        return self.loop.num_seated

    async def stop(self) -> None:
        """Say that nobody should come any more, take the seats away, and end the thread."""
        await self._background.stop()
        self._health.close()
        with suppress(DuologueError):
            if self._announcer is not None:
                await self._announcer.retract_batcher(self.options.batcher_id)
        self.loop.stop()
        await self._lifetime.stop(self.options.stop_within_s)
        await asyncio.to_thread(self._thread.join, self.options.stop_within_s)
        told, engine = self.loop.status, self.assembly.engine
        log.info(
            "stopped after %d ticks with slices, %d of them late; %d forwards, %d rows",
            *(told.num_ticks, told.num_late_ticks, engine.num_forwards, engine.num_rows),
        )

    async def failed(self) -> str:
        """Wait until the actor is beyond help, and return why: its process should be replaced."""
        limit_ms = 2 * self.settings.batching.healthy_within_ms
        good_ms = self.clock.now_ms()
        while True:
            if self._death is not None:
                return f"the thread of forwards died: {self._death!r}"
            now_ms = self.clock.now_ms()
            good_ms = now_ms if self.is_healthy else good_ms
            if now_ms - good_ms > limit_ms:
                return (
                    f"no forward ended well for {limit_ms} ms: {self.loop.forward_health.failure}"
                )
            await asyncio.sleep(ANNOUNCE_EVERY_S)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _make_loop(self, observer: LoopObserver | None) -> BatchLoop:
        model, batching = self.assembly.model, self.settings.batching
        geometry = model.geometry
        limits = ModelLimits(
            geometry.vocab_size, geometry.max_positions, can_judge=self.assembly.head is not None
        )
        seating = Seating(
            self.assembly.engine,
            model.chat,
            limits,
            batching.max_sessions,
            self.settings.kv.share_prefixes,
        )
        return BatchLoop(
            seating,
            self.clock,
            TickClock(0.0, self.settings.decoding.tick_ms),
            batching,
            self._batching.scatter,
            observer=observer,
            turns=TenantTurns.of(seating.roster, self.settings),
        )

    def _run_forwards(self) -> None:
        try:
            _name_thread("forwards")
            if self.settings.batching.threads is not None:
                torch.set_num_threads(self.settings.batching.threads)  # counts for this thread
            self.loop.run()
        except BaseException as error:
            log.exception("the thread of forwards died")
            self._death = error

    def _listen(self, address: str) -> str:
        try:
            port = self._peers.listen(self._server, address)
        except RuntimeError as error:
            raise BatcherUnavailable(f"cannot listen at {address}: {error}") from error
        if address.startswith("unix:"):
            return address
        host = self.options.advertised_host or address.rpartition(":")[0]
        return f"{host}:{port}"

    def _grpc_options(self) -> list[tuple[str, int | str]]:
        num_streams = 64 + 2 * self.settings.batching.max_sessions
        max_bytes = (256 << 10) + 8 * self.assembly.model.geometry.max_positions
        return [
            *SERVER,
            ("grpc.max_concurrent_streams", num_streams),
            ("grpc.max_receive_message_length", max_bytes),
        ]

    async def _room_elsewhere(self) -> int:
        """Sessions that others of the same model seat now."""
        if self._announcer is None:
            return 0
        try:
            batchers = await self._announcer.batchers()
        except DuologueError as error:
            log.warning("nobody knows where there is room: %s", error)
            return 0
        mine = self.options.batcher_id
        return sum(
            each.room
            for each in batchers
            if each.batcher_id != mine and each.model == self.model_name
        )

    async def _keep_up(self) -> None:
        """Say how things stand, to the store and to whoever asks for the health."""
        for service in ("", SERVICE):
            self._health.tell(service, self.is_healthy)
        if await self._announce() and self._drain is None:
            self._background.start(self._drain_by_mark(), "draining")

    async def _announce(self) -> bool:
        """Tell the store; returns whether an operator wants it drained."""
        try:
            if self._announcer is not None:
                return await self._announcer.announce_batcher(self.status, ANNOUNCED_FOR_MS)
        except DuologueError as error:
            log.warning("the store cannot be told of this batching actor: %s", error)
        return False

    async def _drain_by_mark(self) -> None:
        await self.drain()


def _description(assembly: Assembly) -> DescribeResponse:
    model, head = assembly.model, assembly.head
    return model_to_pb(
        model.name,
        model.tokenizer.serialized.encode(),
        model.chat,
        model.geometry.max_positions,
        head.thresholds if head is not None else {},
        head.card.confirm_above if head is not None else None,
    )


def _name_thread(name: str) -> None:
    """For `top -H`; the threads that compute with this one are called the same."""
    with suppress(OSError):
        Path(f"/proc/self/task/{threading.get_native_id()}/comm").write_text(name)
