"""A conversation's way to the platform, over as many connections as it takes."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

import grpc

from duologue.client.credentials import Credentials, Metadata
from duologue.client.errors import (
    ClientError,
    EventsLost,
    GaveUp,
    ServiceFault,
    SessionNotFound,
    SessionOver,
)
from duologue.client.events import told_from_pb
from duologue.client.inbox import Inbox
from duologue.client.ledger import Arrival, SeenEvents, SentLedger
from duologue.client.options import ClientOptions, Timing
from duologue.client.patience import Outage
from duologue.client.routes import Route, Routes
from duologue.client.status import error_of, is_token_expired, is_worth_resuming, retry_after_s
from duologue.errors import InvalidInput
from duologue.events import SessionClosed
from duologue.notices import GoAway, SessionReady
from duologue.told import ConnectionLost, Told, event_of
from duologue.v1 import conversation_pb2 as pb
from duologue.v1 import events_pb2
from duologue.v1.conversation_pb2_grpc import ConversationServiceStub

_Call = grpc.aio.StreamStreamCall[pb.ConverseRequest, pb.ConverseResponse]


class Phase(StrEnum):
    """How a conversation's connection stands."""

    CONNECTING = "connecting"
    LIVE = "live"
    RESUMING = "resuming"
    OVER = "over"


@dataclass(slots=True)
class LinkStats:
    """What the connections of one conversation went through."""

    num_connections: int = 0
    """Connections over which the session was ready."""
    num_failures: int = 0
    """Connections that broke, or did not come about."""


class _Gap(Exception):
    """A numbered event is missing."""


class Link:
    """Reads in one task and writes in another; resumes until the session is closed or left."""

    def __init__(
        self,
        routes: Routes,
        credentials: Credentials,
        opening: pb.ConverseRequest,
        inbox: Inbox[Told],
        options: ClientOptions,
        timing: Timing,
    ) -> None:
        self._routes = routes
        self._credentials = credentials
        self._metadata: Metadata = ()
        """With which the present call was made."""
        self._opening = opening
        self._inbox = inbox
        self._options = options
        self._timing = timing
        self._outage = Outage(options.patience, timing.clock, timing.random)
        self._wake = asyncio.Event()
        self._is_ready = False
        """Whether the present connection has come so far."""
        self._is_moving = False
        self._is_leaving = False
        self.ledger = SentLedger(
            max_events=options.max_untaken, max_event_bytes=options.max_event_bytes
        )
        self.seen = SeenEvents(opening.resume.last_server_seq)
        self.ready: SessionReady | None = None
        self.phase = Phase.CONNECTING
        self.stats = LinkStats()
        self.on_change: Callable[[], None] = lambda: None
        """Called after everything that was told, and at the end."""
        self.is_closing = False
        """The session is to end: that it is over already is no error then."""

    @property
    def is_over(self) -> bool:
        return self.phase is Phase.OVER

    def written(self) -> None:
        """Something was added to the ledger."""
        self._wake.set()

    def leave(self) -> None:
        """Write what is there, and end the stream; the session stays."""
        self._is_leaving = True
        self._wake.set()

    async def run(self) -> None:
        """Returns when the session is closed or left; raises the ClientError that ended it."""
        while True:
            async with self._routes.use() as route:
                try:
                    await self._converse(route)
                    lost, at_least_ms = None, 0.0
                except grpc.aio.AioRpcError as error:
                    lost, at_least_ms = self._judge(error), retry_after_s(error) * 1e3
                except _Gap as gap:
                    lost, at_least_ms = EventsLost(str(gap)), 0.0
                if self.is_over or self._is_leaving:
                    break
                self._routes.leave(route)
            if self._is_moving:
                await self._timing.sleep_ms(self._outage.jitter_ms())
            else:
                await self._pause(lost, at_least_ms)
        self.phase = Phase.OVER

    def _judge(self, error: grpc.aio.AioRpcError) -> ClientError | None:
        """What a failure means: None when the conversation is over; raises when it cannot go on."""
        found = error_of(error)
        if self.is_closing and isinstance(found, SessionOver | SessionNotFound):
            self.phase = Phase.OVER
            return None
        is_refusal = self.ready is None and error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        is_renewed = is_token_expired(error) and self._credentials.are_renewed(self._metadata)
        if is_refusal or not (is_renewed or is_worth_resuming(error)):
            raise found from error
        return found

    async def _pause(self, lost: ClientError | None, at_least_ms: float) -> None:
        """Wait before the next attempt; raises when the limit is reached."""
        reason = str(lost or "the gateway ended the stream")
        self.stats.num_failures += 1
        if self.phase is Phase.LIVE:
            self.phase = Phase.RESUMING
            await self._inbox.put(ConnectionLost(reason))
            self.on_change()
        patience = self._options.patience
        has_begun = self.ready is not None
        limit_ms = patience.resume_within_ms if has_begun else patience.open_within_ms
        wait_ms = self._outage.next_wait_ms(limit_ms, at_least_ms)
        if wait_ms is None:
            raise self._given_up(lost, reason) from lost
        await self._timing.sleep_ms(wait_ms)

    def _given_up(self, lost: ClientError | None, reason: str) -> ClientError:
        tried = f"{self._outage.failures} attempts in {self._outage.lasts_ms / 1e3:.1f} s"
        where = ", ".join(self._routes.addresses)
        if isinstance(lost, EventsLost):
            return EventsLost(f"{reason} ({tried})")
        if self.ready is None:
            return type(lost or ServiceFault(""))(f"no conversation with {where}: {reason}")
        return GaveUp(
            f"session {self.ready.session_id} could not be resumed at {where} ({tried}): {reason}"
        )

    # One connection.

    async def _converse(self, route: Route) -> None:
        self._is_ready = self._is_moving = False
        self._metadata = self._credentials.metadata()
        call = ConversationServiceStub(route.channel).Converse(metadata=self._metadata)
        writer: asyncio.Task[None] | None = None
        try:
            await _write(call, self._first_request())
            while (response := await call.read()) is not grpc.aio.EOF:
                assert isinstance(response, pb.ConverseResponse)
                await self._take(response.event)
                if self._is_ready and writer is None:
                    writer = asyncio.create_task(self._write_all(call))
                    writer.add_done_callback(lambda ended: _has_failed(ended) and call.cancel())
                if self.is_over:
                    return
        finally:
            call.cancel()
            if writer is not None:
                await _end(writer)

    def _first_request(self) -> pb.ConverseRequest:
        if self.ready is None:
            return self._opening
        resume = pb.SessionResume(
            session_id=self.ready.session_id,
            resume_token=self.ready.resume_token,
            last_server_seq=self.seen.last_seq,
        )
        return pb.ConverseRequest(resume=resume)

    async def _write_all(self, call: _Call) -> None:
        """Write what the session lacks, then whatever comes. A failure shows in the reader."""
        assert self.ready is not None
        sent_seq = self.ready.last_client_seq
        while True:
            self._wake.clear()
            for event in self.ledger.after(sent_seq):
                request = pb.ConverseRequest(event=event, ready_received=True)
                if not await _try_write(call, request):
                    return
                sent_seq = event.client_seq
            if self._is_leaving or self._is_moving:
                with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                    await call.done_writing()
                return
            await self._wake.wait()

    async def _take(self, message: events_pb2.ServerEvent) -> None:
        is_news = self._is_news(message)
        has_progress = self.ledger.taken(message.client_seq) or (is_news and message.server_seq > 0)
        told = self._read(message) if is_news else None
        if told is not None:
            self._follow(told)
        if self._is_ready and (has_progress or self._has_nothing_to_prove):
            self._outage.is_over()
        if told is not None:
            await self._inbox.put(told)
            if isinstance(event_of(told), SessionClosed):
                self.phase = Phase.OVER
        self.on_change()

    @property
    def _has_nothing_to_prove(self) -> bool:
        """Whether both sides have everything that the other has said."""
        assert self.ready is not None
        return not self.ledger.num_kept and self.seen.last_seq >= self.ready.last_server_seq

    def _is_news(self, message: events_pb2.ServerEvent) -> bool:
        """Whether it is to be told; raises _Gap when an event before it is missing."""
        if message.server_seq == 0:
            return True
        last_seq = self.seen.last_seq
        arrival = self.seen.arrive(message.server_seq)
        if arrival is Arrival.BEYOND_A_GAP:
            raise _Gap(f"event {message.server_seq} came behind event {last_seq}")
        return arrival is Arrival.NEXT

    def _read(self, message: events_pb2.ServerEvent) -> Told | None:
        try:
            return told_from_pb(message)
        except InvalidInput as error:
            raise ServiceFault(f"event {message.server_seq} cannot be read: {error}") from error

    def _follow(self, told: Told) -> None:
        match event_of(told):
            case SessionReady() as ready:
                self.ready = ready
                self.ledger.taken(ready.last_client_seq)
                self._is_ready, self.phase = True, Phase.LIVE
                self.stats.num_connections += 1
            case GoAway():
                # With one address only there is nowhere to go before the end.
                self._is_moving = self._routes.has_choice
                self._wake.set()
            case _:
                pass


async def _write(call: _Call, request: pb.ConverseRequest) -> None:
    """A call that is over already says why when it is read."""
    with suppress(asyncio.InvalidStateError):
        await call.write(request)


async def _try_write(call: _Call, request: pb.ConverseRequest) -> bool:
    """Whether it was written; the reader learns why it was not."""
    try:
        await call.write(request)
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
        return False
    return True


async def _end(writer: asyncio.Task[None]) -> None:
    writer.cancel()
    await asyncio.wait({writer})
    if _has_failed(writer):
        writer.result()


def _has_failed(task: asyncio.Task[None]) -> bool:
    return not task.cancelled() and task.exception() is not None
