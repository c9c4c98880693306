"""Where a session is alive, or can be brought to life: its one way to come alive."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import grpc

from duologue.cluster_status import NodeStatus
from duologue.errors import (
    CapacityExceeded,
    DuologueError,
    InvalidInput,
    ModelUnavailable,
    QuotaUsedUp,
    SessionEnded,
    UnknownSession,
)
from duologue.gateway.channels import Channels
from duologue.gateway.errors import ClusterFull, SessionLost
from duologue.gateway.placement import by_load
from duologue.gateway.quotas import Quotas
from duologue.gateway.waiting_room import PlaceInLine, WaitingRoom
from duologue.session_record import SessionRecord, SessionStatus
from duologue.store.store import Store
from duologue.tenants import Tenant
from duologue.v1 import node_pb2 as pb
from duologue.v1.node_pb2_grpc import NodeServiceStub
from duologue.wire.errors import error_from_pb

BIND_S = 15.0
"""A node may have to start an actor and replay a long journal."""
_ASK_AGAIN_MS = 200.0
"""How often the first in the line asks whether there is room."""

_FOR_CLIENTS = (UnknownSession, SessionEnded, InvalidInput, ModelUnavailable, QuotaUsedUp)
"""What no other node can mend."""

log = logging.getLogger(__name__)
OnQueued = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class SessionRoute:
    """Where a session is alive."""

    address: str
    epoch: int
    was_bound: bool = True
    """Whether it was brought to life just now."""


class Binder:
    """Shared by all streams of a gateway, which wait in one line when no node has room."""

    def __init__(
        self,
        store: Store,
        quotas: Quotas,
        channels: Channels,
        *,
        max_waiting: int,
        wait_ms: int,
        random: Random,
    ) -> None:
        self._store = store
        self._quotas = quotas
        self._channels = channels
        self._wait_ms = wait_ms
        self._random = random
        self._room = WaitingRoom(max_waiting)
        self._moved = asyncio.Event()

    @property
    def num_waiting(self) -> int:
        """Sessions that wait for room here."""
        return len(self._room)

    async def find(
        self,
        tenant: Tenant,
        session_id: str,
        *,
        lost_epoch: int,
        traceparent: str = "",
        on_queued: OnQueued = lambda _position: None,
    ) -> SessionRoute:
        """The session's place; one that is alive under no more than `lost_epoch` is taken for lost.

        Raises UnknownSession, SessionEnded, ModelUnavailable when its model is gone, QuotaUsedUp,
        ClusterFull when its wait was in vain, SessionLost when no node could be asked or none could
        do it, and StoreUnavailable.
        """
        record = await self._store.require_session(tenant.tenant_id, session_id)
        if record.status is SessionStatus.CLOSED:
            raise SessionEnded(f"session {session_id!r} is closed")
        if record.status is SessionStatus.LIVE and record.epoch > lost_epoch:
            return SessionRoute(record.address, record.epoch, was_bound=False)
        try:
            if self._room:  # nobody overtakes those who wait
                raise ClusterFull("others wait before it")
            return await self._bind(tenant, record, traceparent)
        except ClusterFull:
            return await self._bind_in_turn(tenant, record, traceparent, on_queued)

    async def _bind_in_turn(
        self, tenant: Tenant, record: SessionRecord, traceparent: str, on_queued: OnQueued
    ) -> SessionRoute:
        """Wait in the line, up to `wait_ms`, and bind when it is its turn and there is room."""
        ticket = self._room.enter(tenant.priority)
        self._all_move()
        tell = _OnChange(on_queued)
        try:
            async with asyncio.timeout(self._wait_ms / 1e3):
                while True:
                    await self._turn(ticket, tell)
                    try:
                        return await self._bind(tenant, record, traceparent)
                    except ClusterFull:
                        await asyncio.sleep(_ASK_AGAIN_MS * (0.5 + self._random.random()) / 1e3)
        except TimeoutError:
            raise ClusterFull(
                f"no node took the session within {self._wait_ms} ms", self._wait_ms
            ) from None
        finally:
            self._room.leave(ticket)
            self._all_move()

    async def _turn(self, ticket: PlaceInLine, tell: OnQueued) -> None:
        """Wait until nobody is before it, and tell of each place on the way."""
        while True:
            moved, position = self._moved, self._room.position(ticket)
            tell(position)
            if position == 0:
                return
            await moved.wait()

    def _all_move(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def _bind(self, tenant: Tenant, record: SessionRecord, traceparent: str) -> SessionRoute:
        await self._quotas.come_alive(tenant, record.session_id)
        nodes = by_load(await self._store.nodes(), self._random)
        if not nodes:
            raise ClusterFull("no node takes another session")
        request = pb.BindRequest(
            tenant_id=record.tenant_id,
            session_id=record.session_id,
            known_epoch=record.epoch,
            traceparent=traceparent,
        )
        problems: list[DuologueError] = []
        for node in nodes:
            try:
                return await self._ask(node, request)
            except _FOR_CLIENTS:
                raise
            except DuologueError as error:
                log.info("node %s does not take a session: %s", node.node_id, error)
                problems.append(error)
        if all(isinstance(problem, CapacityExceeded) for problem in problems):
            raise ClusterFull("no node takes another session")
        others = [problem for problem in problems if not isinstance(problem, CapacityExceeded)]
        raise SessionLost(f"no node could bring the session to life: {others[-1]}")

    async def _ask(self, node: NodeStatus, request: pb.BindRequest) -> SessionRoute:
        async with self._channels.use(node.address) as channel:
            try:
                answer = await NodeServiceStub(channel).Bind(request, timeout=BIND_S)
            except grpc.aio.AioRpcError as error:
                words = f"{error.code().name.lower()} {error.details()}"
                raise SessionLost(f"node {node.node_id} does not answer: {words}") from error
        if answer.HasField("error"):
            raise error_from_pb(answer.error)
        return SessionRoute(answer.address, answer.epoch)


class _OnChange:
    """Tells a place that was not told last."""

    def __init__(self, on_queued: OnQueued) -> None:
        self._on_queued = on_queued
        self._told = -1

    def __call__(self, position: int) -> None:
        if position != self._told:
            self._told = position
            self._on_queued(position)
