"""A node with session actors that follow a script, over the real protos: for faults at will.

What a real session keeps in its journal, `World` keeps, so that it survives the actors. To every
client event the session answers with a few numbered events. At each step of an actor something may
happen: its stream breaks, it leaves, or it goes to sleep.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import grpc

from duologue.actors.grpc_options import SERVER
from duologue.cluster_status import NodeStatus
from duologue.errors import DuologueError, LeaseHeld, StaleEpoch
from duologue.events import Error
from duologue.session_lease import Lease
from duologue.session_record import SessionStatus
from duologue.store.store import Store
from duologue.v1 import events_pb2 as pb
from duologue.v1 import node_pb2, session_pb2
from duologue.v1.node_pb2_grpc import NodeServiceServicer, add_NodeServiceServicer_to_server
from duologue.v1.session_pb2_grpc import (
    SessionServiceServicer,
    add_SessionServiceServicer_to_server,
)
from tests.waiting import News

DELTAS = ("one ", "two ", "three")
EVENTS_PER_INPUT = len(DELTAS) + 2


class Fault(Enum):
    """What may happen at a step."""

    BREAK = "break"
    LEAVE = "leave"
    SLEEP = "sleep"


class Faulted(Exception):
    """The actor's end."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


@dataclass(slots=True)
class Story:
    """One session, as its journal would have it."""

    said: list[pb.ClientEvent] = field(default_factory=list)
    told: list[pb.ServerEvent] = field(default_factory=list)
    lease: Lease | None = None
    num_hellos: int = 0
    attached: "asyncio.Event | None" = None
    """Set to end the stream that is attached."""
    connection_number: int = 0
    """Of the connection that is attached, or was last."""
    is_closed: bool = False
    news: News = field(default_factory=News)
    falls_asleep: bool = False

    async def sleep(self) -> None:
        """Let the actor that has it go to sleep, and wait until its stream has ended."""
        self.falls_asleep = True
        self.news.tell()
        await self.news.until(lambda: self.attached is None, "the actor to go to sleep")
        self.falls_asleep = False

    async def until_said(self, count: int) -> None:
        """Wait until so many events have arrived."""
        await self.news.until(
            lambda: len(self.said) >= count, f"event {count} of the client", lambda: len(self.said)
        )

    def take(self, event: pb.ClientEvent) -> None:
        """Take an event for good, and answer it. Repeats are passed over."""
        if event.client_seq != len(self.said) + 1:
            assert event.client_seq <= len(self.said), "a gap"
            return
        self.said.append(event)
        seq = event.client_seq
        if event.HasField("session_close"):
            self._tell(pb.ServerEvent(session_closed=pb.SessionClosed()))
            self.is_closed = True
            return
        self._tell(pb.ServerEvent(response_started=pb.ResponseStarted(response_id=seq)))
        for text in DELTAS:
            delta = pb.ResponseDelta(response_id=seq, text=text)
            self._tell(pb.ServerEvent(response_delta=delta))
        self._tell(
            pb.ServerEvent(
                response_done=pb.ResponseDone(response_id=seq, reason=pb.END_REASON_STOP)
            )
        )

    def _tell(self, event: pb.ServerEvent) -> None:
        event.server_seq, event.client_seq = len(self.told) + 1, len(self.said)
        self.told.append(event)


@dataclass(slots=True)
class World:
    """What the actors of all nodes share, and the faults that are still to come."""

    faults: dict[int, Fault] = field(default_factory=dict)
    """By step, counted over all actors."""
    num_steps: int = 0
    stories: dict[str, Story] = field(default_factory=dict)
    refusals: list[DuologueError] = field(default_factory=list)
    """What the next attachments are answered."""
    max_unseen: int = 10**9
    """Events that an actor lets wait for a client."""
    max_waiting: int = 0
    """How many were ever sent and not seen."""

    def story(self, session_id: str) -> Story:
        return self.stories.setdefault(session_id, Story())

    def step(self, *, is_silent: bool) -> None:
        """A moment at which something may happen; a session sleeps only when it is silent."""
        self.num_steps += 1
        fault = self.faults.get(self.num_steps)
        if fault is not None and (is_silent or fault is not Fault.SLEEP):
            raise Faulted(fault)


class ScriptedNode(NodeServiceServicer, SessionServiceServicer):
    """Both services on one port. Use `node`."""

    def __init__(self, world: World, store: Store, node_id: str, max_sessions: int) -> None:
        self.world = world
        self.store = store
        self.node_id = node_id
        self.max_sessions = max_sessions
        self.address = ""
        self.num_binds = 0
        self.sessions: set[str] = set()
        self.refuses: DuologueError | None = None
        self.drained_ms: int | None = None
        self.on_bind: Callable[[], None] = lambda: None

    async def announce(self, **changes: Any) -> None:
        status = {"sessions": len(self.sessions), "max_sessions": self.max_sessions, **changes}
        await self.store.announce_node(
            NodeStatus(self.node_id, self.address, warm_actors=1, **status), ttl_ms=600_000
        )

    # NodeService

    async def Bind(self, request: node_pb2.BindRequest, context: Any) -> node_pb2.BindResponse:
        self.num_binds += 1
        self.on_bind()
        if self.refuses is not None:
            return node_pb2.BindResponse(error=_error(self.refuses))
        where = request.tenant_id, request.session_id
        try:
            lease = await self.store.take_lease(
                *where,
                owner="scripted",
                address=self.address,
                node_id=self.node_id,
                known_epoch=request.known_epoch,
            )
        except LeaseHeld as held:
            return node_pb2.BindResponse(address=held.address, epoch=held.epoch)
        except DuologueError as error:
            return node_pb2.BindResponse(error=_error(error))
        self.world.story(request.session_id).lease = lease
        self.sessions.add(request.session_id)
        return node_pb2.BindResponse(address=self.address, epoch=lease.epoch)

    async def Drain(self, request: node_pb2.DrainRequest, context: Any) -> node_pb2.DrainResponse:
        self.drained_ms = request.grace.ToMilliseconds()
        return node_pb2.DrainResponse(sessions=len(self.sessions))

    # SessionService

    async def Attach(  # type: ignore[override]
        self, requests: AsyncIterator[session_pb2.AttachRequest], context: Any
    ) -> None:
        hello = (await anext(requests)).hello
        story = self.world.story(hello.session_id)
        try:
            if self.world.refusals:
                raise self.world.refusals.pop(0)
            self.world.step(is_silent=False)  # nothing was said yet
            await _Actor(self.world, story, hello, context).run(requests)
        except Faulted as end:
            await self._end(end.fault, story.lease, context)
        except DuologueError as error:
            await context.write(session_pb2.AttachResponse(refused=_error(error)))

    async def _end(self, fault: Fault, lease: Lease | None, context: Any) -> None:
        if fault is Fault.BREAK:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "scripted to break")
        if lease is not None:
            with suppress(StaleEpoch):
                await self.store.release_lease(lease, SessionStatus.ASLEEP)
        if fault is Fault.SLEEP:
            await context.write(session_pb2.AttachResponse(asleep=session_pb2.Asleep()))
        else:
            leaving = session_pb2.Leaving(reason="scripted to leave")
            await context.write(session_pb2.AttachResponse(leaving=leaving))


class _Actor:
    """One attached stream."""

    def __init__(self, world: World, story: Story, hello: session_pb2.Hello, context: Any) -> None:
        assert story.lease is not None
        if hello.epoch != story.lease.epoch:
            raise StaleEpoch(f"epoch {hello.epoch} is not {story.lease.epoch}")
        self.world = world
        self.story = story
        self.context = context
        self.hello = hello
        self.sent_seq = hello.last_server_seq
        self.seen_seq = hello.last_server_seq
        self.replaced = asyncio.Event()
        self.fault: Faulted | None = None

    async def run(self, requests: AsyncIterator[session_pb2.AttachRequest]) -> None:
        story = self.story
        number = self.hello.connection_number
        if story.attached is not None:
            if number < story.connection_number:
                await self._replace()
                return
            story.attached.set()
            story.news.tell()
        story.attached, story.connection_number = self.replaced, number
        story.num_hellos += 1
        reader: asyncio.Task[None] | None = None
        try:
            self.world.step(is_silent=self._is_silent)
            await self._welcome()
            reader = asyncio.create_task(self._read(requests))
            self.context.add_done_callback(lambda _context: reader.cancel())
            await self._tell()
        finally:
            if story.attached is self.replaced:
                story.attached = None
                story.news.tell()

    async def _welcome(self) -> None:
        assert self.story.lease is not None
        welcome = session_pb2.Welcome(
            epoch=self.story.lease.epoch,
            last_client_seq=len(self.story.said),
            last_server_seq=len(self.story.told),
        )
        await self.context.write(session_pb2.AttachResponse(welcome=welcome))

    async def _read(self, requests: AsyncIterator[session_pb2.AttachRequest]) -> None:
        try:
            async for request in requests:
                if request.HasField("seen"):
                    self.seen_seq = max(self.seen_seq, request.seen.server_seq)
                else:
                    self.world.step(is_silent=self._is_silent)  # lost on the way in
                    self.story.take(request.event)
                    self.world.step(is_silent=False)  # kept, and not yet told
                self.story.news.tell()
        except Faulted as fault:
            self.fault = fault
        finally:
            self.fault = self.fault or Faulted(Fault.BREAK)
            self.story.news.tell()

    async def _tell(self) -> None:
        story = self.story
        while True:
            while self.fault is None and self.sent_seq < len(story.told) and self._may_send:
                self.world.step(is_silent=False)  # between two events
                event = story.told[self.sent_seq]
                await self.context.write(session_pb2.AttachResponse(event=event))
                self.sent_seq += 1
                waiting = self.sent_seq - self.seen_seq
                self.world.max_waiting = max(self.world.max_waiting, waiting)
            if self.replaced.is_set():
                return await self._replace()
            if self.fault is not None:
                raise self.fault
            if story.is_closed and self.sent_seq == len(story.told):
                return
            if story.falls_asleep:
                raise Faulted(Fault.SLEEP)
            await story.news.next()

    @property
    def _is_silent(self) -> bool:
        return self.sent_seq == len(self.story.told)

    @property
    def _may_send(self) -> bool:
        return self.sent_seq - self.seen_seq < self.world.max_unseen

    async def _replace(self) -> None:
        if self.hello.connection_number != self.story.connection_number:
            told = session_pb2.AttachResponse(replaced=session_pb2.Replaced())
            await self.context.write(told)


def _error(error: DuologueError) -> pb.Error:
    told = Error.of(error)
    return pb.Error(code=told.code, message=told.message)


@asynccontextmanager
async def node(
    world: World, store: Store, node_id: str = "node-1", max_sessions: int = 8
) -> AsyncIterator[ScriptedNode]:
    """A node that is announced, on a free port."""
    scripted = ScriptedNode(world, store, node_id, max_sessions)
    server = grpc.aio.server(options=SERVER)  # keeps alive as a real one does
    add_NodeServiceServicer_to_server(scripted, server)
    add_SessionServiceServicer_to_server(scripted, server)
    port = server.add_insecure_port("127.0.0.1:0")
    scripted.address = f"127.0.0.1:{port}"
    await server.start()
    try:
        await scripted.announce()
        yield scripted
    finally:
        await server.stop(None)
