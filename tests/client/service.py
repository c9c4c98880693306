"""A small ConversationService on a real port: it echoes, and its streams break where it is told.

Its sessions keep what a session keeps: a numbered story, and the last client event taken. So it
shows whether a client loses or doubles anything, without the platform.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from enum import Enum

import grpc
from google.protobuf.duration_pb2 import Duration

from duologue.v1 import conversation_pb2 as pb
from duologue.v1 import events_pb2 as ev
from duologue.v1.conversation_pb2_grpc import (
    ConversationServiceServicer,
    add_ConversationServiceServicer_to_server,
)
from tests.waiting import News

KEY = "duo_test_key"
Context = grpc.aio.ServicerContext[pb.ConverseRequest, pb.ConverseResponse]


class Point(Enum):
    """Where a stream can break."""

    READ_NOT_TAKEN = "an event was read and is lost"
    TAKEN_NOT_TOLD = "an event was taken, and nothing was written yet"
    WRITTEN = "an event was written"


@dataclass(slots=True)
class Faults:
    """Breaks the stream once at each of the given points, counted over all streams."""

    at: set[int] = field(default_factory=set)
    code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE
    points: list[Point] = field(default_factory=list)
    """The points that were passed."""
    num_broken: int = 0

    def pass_point(self, point: Point) -> None:
        """Raises _Broken if the stream is to break here."""
        self.points.append(point)
        if len(self.points) in self.at:
            self.num_broken += 1
            raise _Broken


class _Broken(Exception):
    pass


@dataclass(slots=True)
class EchoSession:
    """Says every committed text back, word by word."""

    session_id: str
    story: list[ev.ServerEvent] = field(default_factory=list)
    heard: list[ev.ClientEvent] = field(default_factory=list)
    """Every client event that was taken, once."""
    last_client_seq: int = 0
    answers_after_words: int | None = None
    """Answers also without a commit, once the text has so many words."""
    text: str = ""
    segment_ids: list[str] = field(default_factory=list)
    num_replies: int = 0
    is_closed: bool = False
    news: News = field(default_factory=News)

    tokens: list[str] = field(default_factory=list)
    """Those that are good: the last one that its client was known to have, and those behind it."""
    num_tokens: int = 0

    def next_token(self) -> str:
        """Another one, for this stream."""
        self.num_tokens += 1
        self.tokens.append(f"token-{self.num_tokens}-of-{self.session_id}")
        return self.tokens[-1]

    def uses(self, token: str) -> bool:
        """Whether a token is good; those before it are not any more then."""
        if token in self.tokens:
            del self.tokens[: self.tokens.index(token)]
            return True
        return False

    def take(self, event: ev.ClientEvent) -> None:
        if event.client_seq <= self.last_client_seq:
            return
        assert event.client_seq == self.last_client_seq + 1, "a client event is missing"
        self.last_client_seq = event.client_seq
        self.heard.append(event)
        for told in self._follow(event):
            told.server_seq, told.epoch = len(self.story) + 1, 1
            told.client_seq = self.last_client_seq
            self.story.append(told)
        self.news.tell()

    async def has_taken(self, client_seq: int) -> None:
        """Wait for it."""
        await self.news.until(
            lambda: self.last_client_seq >= client_seq,
            f"event {client_seq} of the client",
            lambda: self.heard,
        )

    def _follow(self, event: ev.ClientEvent) -> Iterator[ev.ServerEvent]:
        match event.WhichOneof("event"):
            case "input_append":
                self.text += event.input_append.text
                self.segment_ids = [event.input_append.segment_id]
                if len(self.text.split()) == self.answers_after_words:
                    yield from self._answer()
                else:
                    yield self._state(ev.STATE_INCOMPLETE)
            case "input_revise":
                self.text = event.input_revise.text
                yield self._state(ev.STATE_INCOMPLETE)
            case "input_commit":
                yield from self._answer()
            case "session_close":
                self.is_closed = True
                yield ev.ServerEvent(session_closed=ev.SessionClosed())

    def _answer(self) -> Iterator[ev.ServerEvent]:
        yield self._state(ev.STATE_QUERY)
        self.num_replies += 1
        number = self.num_replies
        yield ev.ServerEvent(response_started=ev.ResponseStarted(response_id=number))
        for word in self.text.split(" "):
            delta = ev.ResponseDelta(response_id=number, text=f" {word}")
            yield ev.ServerEvent(response_delta=delta)
        done = ev.ResponseDone(response_id=number, reason=ev.END_REASON_STOP)
        yield ev.ServerEvent(response_done=done)
        self.text = ""

    def _state(self, state: ev.State.ValueType) -> ev.ServerEvent:
        share = ev.StateProbability(state=state, probability=0.75)
        judged = ev.InputState(
            state=state,
            text=self.text,
            probabilities=[share],
            segment_ids=self.segment_ids,
            reason=ev.STATE_REASON_JUDGED,
        )
        return ev.ServerEvent(input_state=judged)


@dataclass
class EchoService(ConversationServiceServicer):
    """The service; `sessions` shows what its clients have done."""

    faults: Faults = field(default_factory=Faults)
    sessions: dict[str, EchoSession] = field(default_factory=dict)
    refuse: list[Callable[[Context], object]] = field(default_factory=list)
    """Each refuses one stream before it begins: called with the context, it aborts."""
    before_ready: list[ev.ServerEvent] = field(default_factory=list)
    after_ready: list[ev.ServerEvent] = field(default_factory=list)
    """Sent once, behind the first session_ready."""
    answers_after_words: int | None = None
    num_streams: int = 0
    num_written: int = 0
    on_written: Callable[[ev.ServerEvent], list[ev.ServerEvent]] = lambda event: [event]
    """What is written in an event's place: to double it, or to leave it out."""

    async def Converse(  # type: ignore[override]
        self, request_iterator: AsyncIterator[pb.ConverseRequest], context: Context
    ) -> AsyncIterator[pb.ConverseResponse]:
        self.num_streams += 1
        # Read first: a client that still writes when it is refused may be told by gRPC of an
        # internal error instead.
        first = await anext(request_iterator)
        await self._admit(context)
        session = await self._session(first, context)
        broken = asyncio.Event()
        token = session.next_token()
        reader = asyncio.create_task(self._hear(request_iterator, session, token, broken))
        try:
            async for event in self._tell(first, session, token, broken):
                self.num_written += 1
                yield pb.ConverseResponse(event=event)
        except _Broken:
            await context.abort(self.faults.code, "broken as planned")
        finally:
            reader.cancel()

    async def _hear(
        self,
        requests: AsyncIterator[pb.ConverseRequest],
        session: EchoSession,
        token: str,
        broken: asyncio.Event,
    ) -> None:
        try:
            async for request in requests:
                assert request.ready_received, "it speaks only behind session_ready"
                session.uses(token)
                self.faults.pass_point(Point.READ_NOT_TAKEN)
                session.take(request.event)
                self.faults.pass_point(Point.TAKEN_NOT_TOLD)
        except _Broken:
            pass
        broken.set()
        session.news.tell()

    async def _tell(
        self, first: pb.ConverseRequest, session: EchoSession, token: str, broken: asyncio.Event
    ) -> AsyncIterator[ev.ServerEvent]:
        for event in self.before_ready:
            yield event
        tick = Duration(nanos=160_000_000)
        ready = ev.SessionReady(
            session_id=session.session_id,
            resume_token=token,
            tick=tick,
            last_client_seq=session.last_client_seq,
            last_server_seq=len(session.story),
            strategy="turn",
        )
        yield ev.ServerEvent(session_ready=ready, client_seq=session.last_client_seq)
        self.faults.pass_point(Point.WRITTEN)
        while self.after_ready:
            yield self.after_ready.pop(0)
        shown = first.resume.last_server_seq
        while True:
            while len(session.story) <= shown and not broken.is_set():
                await session.news.next()
            if broken.is_set() and self.faults.num_broken and len(session.story) <= shown:
                raise _Broken
            if len(session.story) <= shown:
                return
            for event in session.story[shown:]:
                for written in self.on_written(event):
                    yield written
                self.faults.pass_point(Point.WRITTEN)
                shown += 1
                if event.HasField("session_closed"):
                    return
            if broken.is_set():
                raise _Broken

    async def _admit(self, context: Context) -> None:
        metadata = dict(context.invocation_metadata() or ())
        if metadata.get("authorization") != f"Bearer {KEY}":
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the API key is not valid")
        if self.refuse:
            refused = self.refuse.pop(0)(context)
            if asyncio.iscoroutine(refused):
                await refused

    async def _session(self, first: pb.ConverseRequest, context: Context) -> EchoSession:
        if first.HasField("start"):
            name = f"ses_{len(self.sessions) + 1}"
            session = EchoSession(name, answers_after_words=self.answers_after_words)
            self.sessions[session.session_id] = session
            return session
        found = self.sessions.get(first.resume.session_id)
        if found is None or not found.uses(first.resume.resume_token):
            await context.abort(grpc.StatusCode.NOT_FOUND, "there is no such session")
        return found

    async def GetTranscript(  # type: ignore[override]
        self, request: pb.GetTranscriptRequest, context: Context
    ) -> pb.GetTranscriptResponse:
        if request.session_id not in self.sessions:
            await context.abort(grpc.StatusCode.NOT_FOUND, "there is no such session")
        entry = pb.TranscriptEntry(role=pb.ROLE_USER, text="Hello", outcome="answered")
        return pb.GetTranscriptResponse(entries=[entry])

    CreateSession = GetSession = ListSessions = CloseSession = None  # type: ignore[assignment]


@asynccontextmanager
async def serving(service: EchoService) -> AsyncIterator[str]:
    """The service on a free port; gives its address."""
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 65_536)])
    add_ConversationServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


@contextmanager
def no_address() -> Iterator[str]:
    """An address that nobody listens at, and that nobody else is given meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


@contextmanager
def silent_address() -> Iterator[str]:
    """An address where connections come about, and nobody ever says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
