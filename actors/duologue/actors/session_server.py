"""SessionService on grpc.aio: the live sessions of one process, and the clients that attach."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
from grpc import aio

from duologue.actors.batcher_client import describe_any
from duologue.actors.event_cursor import EventCursor
from duologue.actors.grpc_lifetime import GrpcLifetime
from duologue.actors.grpc_options import SERVER
from duologue.actors.live_session import LiveSession
from duologue.clock import Clock, UnixClock
from duologue.errors import (
    BatcherUnavailable,
    DuologueError,
    InvalidInput,
    StaleEpoch,
    StoreUnavailable,
    UnknownSession,
)
from duologue.hosting.actions import EndOfHosting
from duologue.hosting.placement import seats_in_order
from duologue.hosting.pool import Key
from duologue.peers import Peers
from duologue.settings import Settings
from duologue.store.store import Store
from duologue.telemetry.logs import speak_of
from duologue.telemetry.tracing import Tracing
from duologue.v1 import session_pb2 as pb
from duologue.v1.session_pb2_grpc import (
    SessionServiceServicer,
    add_SessionServiceServicer_to_server,
)
from duologue.wire.client_events import client_event_from_pb
from duologue.wire.errors import error_to_pb

log = logging.getLogger(__name__)

STOP_WITHIN_S = 2.0
LEARN_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Bound:
    """A session is alive."""

    address: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A session is no longer held by this process."""

    key: Key
    epoch: int
    ending: EndOfHosting


class SessionServer(SessionServiceServicer):
    """Brings sessions to life and lets clients attach to them. Imports neither torch nor ray."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        node_id: str,
        owner: str,
        clock: Clock | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        """`owner` names this process in the leases that it holds. Raises InvalidSetting."""
        self.address = ""
        self.ends: asyncio.Queue[Ended] = asyncio.Queue()
        """What came to an end, for whoever keeps account of it."""
        self._store = store
        self._settings = settings
        self._node_id = node_id
        self._owner = owner
        self._clock = clock or UnixClock()
        self._tracing = tracing
        self._live: dict[Key, LiveSession] = {}
        self._readers: set[asyncio.Task[None]] = set()
        self._learning: asyncio.Task[None] | None = None  # a failure is told by `ready`
        self._peers = Peers.of(settings.cluster)
        self._server = self._peers.server(SERVER)
        self._lifetime = GrpcLifetime(self._server)

    async def start(self, host: str = "127.0.0.1") -> None:
        """Listen at a free port, and learn the words of the models, as soon as there are any."""
        add_SessionServiceServicer_to_server(self, self._server)
        port = self._peers.listen(self._server, f"{host}:0")
        await self._lifetime.start()
        self.address = f"{host}:{port}"
        if not await self._knows_words():
            self._learning = asyncio.create_task(self._learn_words())

    async def ready(self) -> None:
        """Wait until the words of a model, or of several, are known: a session can be opened at
        once."""
        if self._learning is not None:
            await asyncio.shield(self._learning)

    async def stop(self) -> None:
        """Let go of all sessions, and stop listening."""
        if self._learning is not None:
            self._learning.cancel()
        for session in tuple(self._live.values()):
            session.drain(0, "its process is being stopped")
        await asyncio.gather(*(session.ended() for session in tuple(self._live.values())))
        await self._lifetime.stop(STOP_WITHIN_S)

    @property
    def sessions(self) -> dict[Key, LiveSession]:
        """Those that are alive here."""
        return self._live

    async def bind(self, tenant_id: str, session_id: str, known_epoch: int) -> Bound:
        """The one way in which a session comes alive. Not to be called twice at once for the same.

        Raises LeaseHeld when another process holds it under a newer epoch than is known, and what
        taking the lease and opening raise.
        """
        speak_of(session_id)
        key = tenant_id, session_id
        if (present := self._live.get(key)) is not None:
            if known_epoch < present.lease.epoch:
                return Bound(self.address, present.lease.epoch)
            await present.drop()
        lease = await self._store.take_lease(
            tenant_id,
            session_id,
            self._owner,
            address=self.address,
            node_id=self._node_id,
            known_epoch=known_epoch,
        )
        try:
            self._live[key] = await LiveSession.open(
                lease,
                self._store,
                self._settings,
                self._clock,
                self._ended,
                node_id=self._node_id,
                tracing=self._tracing,
                peers=self._peers,
            )
        except BaseException:
            await self._release(lease)
            raise
        return Bound(self.address, lease.epoch)

    def drain(self, grace_ms: float, reason: str) -> None:
        """Let all sessions move, each at a silent moment or at the end of the grace."""
        for session in tuple(self._live.values()):
            session.drain(grace_ms, reason)

    async def Attach(  # type: ignore[override]  # grpc.aio lets a coroutine write the stream
        self, request_iterator: AsyncIterator[pb.AttachRequest], context: Any
    ) -> None:
        """A client's connection. What is refused is said on the stream, which then ends."""
        try:
            session = self._session(await anext(request_iterator, pb.AttachRequest()))
            if session[0].has_newer(session[1]):
                # Its client went elsewhere, while its gateway only knew that the actor had gone.
                await context.write(pb.AttachResponse(replaced=pb.Replaced()))
                return
            speak_of(session[1].session_id)
            attachment, welcome = session[0].attach(session[1])
        except DuologueError as error:
            await context.write(refused(error))
            return
        # Not cancelled at the end: it ends with the call.
        reader = asyncio.create_task(take_all(request_iterator, session[0], attachment))
        self._readers.add(reader)
        reader.add_done_callback(self._readers.discard)
        try:
            await attachment.run(welcome, context.write)
        except DuologueError as error:
            await context.write(refused(error))
        finally:
            session[0].detach(attachment)

    def _session(self, request: pb.AttachRequest) -> tuple[LiveSession, pb.Hello]:
        if request.WhichOneof("request") != "hello":
            raise InvalidInput("must be the first message of a stream", field="hello")
        hello = request.hello
        session = self._live.get((hello.tenant_id, hello.session_id))
        if session is None:
            raise UnknownSession(f"session {hello.session_id!r} is not held by this process")
        if hello.epoch != session.lease.epoch:
            raise StaleEpoch(
                f"session {hello.session_id!r} is held under epoch {session.lease.epoch}, "
                f"not {hello.epoch}"
            )
        return session, hello

    def _ended(self, session: LiveSession, ending: EndOfHosting) -> None:
        key = session.lease.tenant_id, session.lease.session_id
        if self._live.get(key) is session:
            del self._live[key]
        self.ends.put_nowait(Ended(key, session.lease.epoch, ending))

    async def _release(self, lease: Any) -> None:
        try:
            await self._store.release_lease(lease)
        except DuologueError as error:
            log.warning("the lease of %s cannot be released: %s", lease.session_id, error)

    async def _learn_words(self) -> None:
        """So that the first session does not have to wait for them; models may come later."""
        while True:
            await asyncio.sleep(LEARN_AGAIN_S)
            if await self._knows_words():
                return

    async def _knows_words(self) -> bool:
        try:
            batchers = seats_in_order(await self._store.batchers(), self._node_id)
            for model in {each.model for each in batchers}:
                addresses = [each.address for each in batchers if each.model == model]
                await describe_any(addresses, self._peers)
        except (BatcherUnavailable, StoreUnavailable) as error:
            log.info("the model's words cannot be had yet: %s", error)
            return False
        return bool(batchers)


async def take_all(
    requests: AsyncIterator[pb.AttachRequest], session: LiveSession, attachment: EventCursor
) -> None:
    """Take what a client says until its connection ends, or has been replaced by another one."""
    farewell = None
    try:
        async for request in requests:
            if attachment.is_ending:
                break
            await _take(request, session)
    except DuologueError as error:
        farewell = refused(error)
    except (grpc.RpcError, aio.UsageError, asyncio.InvalidStateError):
        pass  # the call is over, which is all that can be said of it
    except Exception as error:
        log.exception("what a client said could not be taken")
        session.fail(error)
        return  # the session takes leave of it
    attachment.end(farewell)


async def _take(request: pb.AttachRequest, session: LiveSession) -> None:
    match request.WhichOneof("request"):
        case "event":
            source = request.event.SerializeToString()
            await session.receive(*client_event_from_pb(request.event), source)
        case "seen":
            session.saw(request.seen.server_seq)
        case _:
            raise InvalidInput("must be event or seen, once hello was said", field="request")


def refused(error: DuologueError) -> pb.AttachResponse:
    """What ends a stream that asked for what cannot be done."""
    return pb.AttachResponse(refused=error_to_pb(error))
