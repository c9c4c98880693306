"""NodeService on grpc.aio: keeps session actors warm on one node, and gives sessions to them."""

import asyncio
import logging
from typing import Any
from weakref import WeakValueDictionary

from duologue.actors.grpc_lifetime import GrpcLifetime
from duologue.actors.grpc_options import SERVER
from duologue.actors.launching import ActorHandle, ActorLost, Launcher
from duologue.actors.session_server import Bound
from duologue.background import Background
from duologue.cluster_status import NodeStatus
from duologue.errors import (
    CapacityExceeded,
    DuologueError,
    LeaseHeld,
    StoreUnavailable,
    UnknownSession,
)
from duologue.hosting.pool import ActorPhase, Key, Pool, PooledActor
from duologue.peers import IN_CLEAR, Peers
from duologue.service_settings import SessionSettings
from duologue.session_record import SessionStatus, check_session_id
from duologue.store.store import Store
from duologue.tenants import check_tenant_id
from duologue.v1 import node_pb2 as pb
from duologue.v1.node_pb2_grpc import NodeServiceServicer, add_NodeServiceServicer_to_server
from duologue.wire.errors import error_to_pb

log = logging.getLogger(__name__)

ANNOUNCE_EVERY_S = 1.0
ANNOUNCED_FOR_MS = 5_000
REAP_EVERY_S = 5.0
ACTOR_WITHIN_S = 10.0
"""How long a session waits for an actor to start when none is warm."""
MAX_ATTEMPTS = 3
"""Actors that are tried for one binding, if they turn out to be dead."""
DRAIN_GRACE_MS = 30_000.0
RELAUNCH_AFTER_S = 1.0


class NodeAgent(NodeServiceServicer):
    """The pool decides, the launcher starts and ends processes; the store arbitrates between
    nodes."""

    def __init__(
        self,
        store: Store,
        launcher: Launcher,
        sessions: SessionSettings,
        *,
        node_id: str,
        peers: Peers = IN_CLEAR,
    ) -> None:
        self.pool = Pool(sessions.warm_actors, sessions.max_sessions)
        self.node_id = node_id
        self.address = ""
        self._store = store
        self._launcher = launcher
        self._handles: dict[int, ActorHandle] = {}  # by the number of the place
        self._locks: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()
        self._num_waiting = 0
        self._change = asyncio.Condition()
        self._background = Background()
        self._suspects: dict[int, int] = {}  # epochs that were found without a lease, by place
        self._peers = peers
        self._server = peers.server(SERVER)
        self._lifetime = GrpcLifetime(self._server)

    async def start(self, host: str = "127.0.0.1") -> None:
        """Listen, announce the node, and begin to warm actors."""
        add_NodeServiceServicer_to_server(self, self._server)
        port = self._peers.listen(self._server, f"{host}:0")
        await self._lifetime.start()
        self.address = f"{host}:{port}"
        self._refill()
        await self._announce()
        self._background.repeat(ANNOUNCE_EVERY_S, self._announce, "the announcement")
        self._background.repeat(REAP_EVERY_S, self._reap, "the search for what nobody owns")

    async def stop(self) -> None:
        """End all actors, and take the node's name back."""
        self.pool.is_draining = True
        await self._background.stop()
        await asyncio.gather(*(handle.end() for handle in self._handles.values()))
        await self._lifetime.stop(1.0)
        try:
            await self._store.retract_node(self.node_id)
        except DuologueError as error:
            log.warning("the node %s cannot be retracted: %s", self.node_id, error)

    @property
    def status(self) -> NodeStatus:
        """What is announced."""
        return NodeStatus(
            node_id=self.node_id,
            address=self.address,
            sessions=self.pool.num_bound,
            max_sessions=self.pool.max_sessions,
            warm_actors=self.pool.num_waiting,
            is_draining=self.pool.is_draining,
        )

    async def wait_warm(self) -> None:
        """Wait until as many fresh actors are warm as there should be."""
        async with self._change:
            await self._change.wait_for(lambda: self.pool.num_fresh >= self.pool.num_warm)

    async def bind(self, tenant_id: str, session_id: str, known_epoch: int) -> Bound:
        """Where the session is alive; it is brought to life if nobody holds it, or if the caller
        knows the present holder and could not reach it.

        May be called for the same session any number of times at once. Raises CapacityExceeded,
        UnknownSession, SessionOver, and what opening raises.
        """
        key = check_tenant_id(tenant_id), check_session_id(session_id)
        async with self._locks.setdefault(key, asyncio.Lock()):
            try:
                return await self._bind(key, known_epoch)
            except LeaseHeld as held:
                return Bound(held.address, held.epoch)

    async def drain(self, grace_ms: float) -> int:
        """Take no new sessions, and let those that are here move; returns how many there are."""
        if not self.pool.is_draining:
            log.info("the node %s is drained", self.node_id)
        self.pool.is_draining = True
        for place in self.pool.to_end():
            self._background.start(self._end(place), "the end of an actor")
        live = [place for place in self.pool if place.phase is ActorPhase.LIVE]
        for place in live:
            self._background.start(self._release(place, grace_ms), "the release of a session")
        await self._announce()
        return len(live)

    async def Bind(self, request: pb.BindRequest, context: Any) -> pb.BindResponse:
        """Brings a session to life; errors are told as such."""
        try:
            bound = await self.bind(request.tenant_id, request.session_id, request.known_epoch)
        except DuologueError as error:
            return pb.BindResponse(error=error_to_pb(error))
        return pb.BindResponse(address=bound.address, epoch=bound.epoch)

    async def Drain(self, request: pb.DrainRequest, context: Any) -> pb.DrainResponse:
        """Drains the node."""
        is_given = request.HasField("grace")
        grace_ms = request.grace.ToMilliseconds() if is_given else DRAIN_GRACE_MS
        return pb.DrainResponse(sessions=await self.drain(grace_ms))

    async def _bind(self, key: Key, known_epoch: int) -> Bound:
        for _ in range(MAX_ATTEMPTS):
            place = self.pool.of(key)
            if place is not None and known_epoch < place.epoch:
                return Bound(place.address, place.epoch)
            is_new = place is None
            place = place or await self._reserve(key)
            try:
                bound = await self._handles[place.number].bind(*key, known_epoch)
            except ActorLost as error:
                log.warning("binding %s: %s", key[1], error, extra={"session_id": key[1]})
                self._lose(place)
                continue
            except BaseException:
                if is_new:
                    self._give_back(place)
                raise
            if is_new:
                self.pool.bound(place, bound.epoch)
            place.epoch = bound.epoch
            self._refill()  # not before: an actor that starts takes the time of one that binds
            return bound
        raise CapacityExceeded(f"{MAX_ATTEMPTS} session actors died while binding {key[1]!r}")

    async def _reserve(self, key: Key) -> PooledActor:
        """A warm actor; waits a while for one to start. Raises CapacityExceeded."""
        place = self.pool.reserve(key)
        if place is not None:
            return place
        self._num_waiting += 1
        self._refill()
        found: list[PooledActor] = []

        def is_found() -> bool:
            place = self.pool.reserve(key)
            found.extend([place] if place else [])
            return bool(found)

        try:
            async with asyncio.timeout(ACTOR_WITHIN_S), self._change:
                await self._change.wait_for(is_found)
        except TimeoutError:
            raise CapacityExceeded("no session actor was ready in time; try again") from None
        finally:
            self._num_waiting -= 1
        return found[0]

    def _refill(self) -> None:
        for place in self.pool.to_start(self._num_waiting):
            self._background.start(self._launch(place), "the start of an actor")

    async def _launch(self, place: PooledActor) -> None:
        try:
            handle = await self._launcher.launch()
        except Exception as error:  # whatever it is, the place is not to be waited for
            log.warning("a session actor does not start: %r", error)
            await asyncio.sleep(RELAUNCH_AFTER_S)
            self.pool.lost(place)
            self._refill()
            return
        except asyncio.CancelledError:
            self.pool.lost(place)
            raise
        self._handles[place.number] = handle
        self.pool.started(place, handle.address)
        self._background.start(self._watch(place, handle), "the watch over an actor")
        self._refill()
        await self._tell()

    async def _watch(self, place: PooledActor, handle: ActorHandle) -> None:
        """Hear from an actor that its session has left it, until the actor ends."""
        try:
            while place.number in self._handles:
                ended = await handle.next_end()
                is_present = place.phase is ActorPhase.LIVE and place.epoch == ended.epoch
                if is_present and place.key == ended.key:
                    self._give_back(place)
        except ActorLost as error:
            if place.number in self._handles:
                log.warning("%s", error)
                self._lose(place)
        except Exception:
            log.exception("an actor that cannot be watched is ended")
            await asyncio.sleep(RELAUNCH_AFTER_S)  # the next one may fare no better
            self._abandon(place)

    def _give_back(self, place: PooledActor) -> None:
        """The session is gone from an actor, which serves its tenant again or ends."""
        if not self.pool.released(place):
            self._background.start(self._end(place), "the end of an actor")
        self._refill()
        self._background.start(self._tell(), "the news of a change")

    def _lose(self, place: PooledActor) -> None:
        self.pool.lost(place)
        self._handles.pop(place.number, None)
        self._refill()

    def _abandon(self, place: PooledActor) -> None:
        """Whatever it does: its session is not its own any more, or nobody can tell."""
        self.pool.lost(place)
        self._background.start(self._end(place), "the end of an actor")
        self._refill()

    async def _end(self, place: PooledActor) -> None:
        handle = self._handles.pop(place.number, None)
        if handle is not None:
            await handle.end()

    async def _release(self, place: PooledActor, grace_ms: float) -> None:
        try:
            await self._handles[place.number].release(grace_ms, "the node is being drained")
        except (ActorLost, KeyError) as error:
            log.info("nothing to drain: %s", error)

    async def _announce(self) -> None:
        try:
            wants_drain = await self._store.announce_node(self.status, ANNOUNCED_FOR_MS)
        except DuologueError as error:
            log.warning("the store cannot be told of this node: %s", error)
            return
        if wants_drain and not self.pool.is_draining:
            self._background.start(self._drain_by_mark(), "draining")

    async def _drain_by_mark(self) -> None:
        await self.drain(DRAIN_GRACE_MS)

    async def _reap(self) -> None:
        """End actors whose session is not theirs any more, when that was so twice in a row."""
        suspects = {}
        for place in self.pool:
            if place.phase is not ActorPhase.LIVE or place.key is None:
                continue
            if await self._is_held(*place.key, place.epoch):
                continue
            if self._suspects.get(place.number) == place.epoch:
                log.warning("an actor holds on to %s without its lease", place.key)
                self._abandon(place)
            suspects[place.number] = place.epoch
        self._suspects = suspects

    async def _is_held(self, tenant_id: str, session_id: str, epoch: int) -> bool:
        try:
            record = await self._store.require_session(tenant_id, session_id)
        except UnknownSession:
            return False
        except StoreUnavailable:
            return True  # nobody knows
        return record.epoch == epoch and record.status is SessionStatus.LIVE

    async def _tell(self) -> None:
        async with self._change:
            self._change.notify_all()
