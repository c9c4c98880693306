"""ConversationService: conversations, and what is known of sessions."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from duologue.background import running
from duologue.clock import MonotonicClock
from duologue.errors import DuologueError, InvalidInput
from duologue.gateway.backoff import Attempts, Backoff
from duologue.gateway.binding import Binder
from duologue.gateway.carrier import Carrier, SessionAccess
from duologue.gateway.channels import Channels
from duologue.gateway.credits import Credits
from duologue.gateway.errors import NotAuthenticated
from duologue.gateway.keys import KeyRing, caller, granted
from duologue.gateway.known_text import KnownText
from duologue.gateway.notices import NoticeDater
from duologue.gateway.quotas import Quotas
from duologue.gateway.records import listed_to_pb, session_to_pb, transcript_entry_to_pb
from duologue.gateway.session_opening import SessionOpener, digest_of
from duologue.gateway.streams import ClientStream, Streams, event_of
from duologue.gateway.watching import ConnectionWatch, Watcher
from duologue.grants import Grant
from duologue.session_record import check_session_id
from duologue.settings import Settings
from duologue.store.store import Store
from duologue.telemetry.logs import speak_of
from duologue.v1 import conversation_pb2 as pb
from duologue.v1.conversation_pb2_grpc import ConversationServiceServicer

ADMITTED_S = 2.0
"""How often it is asked whether a stream's key is still good."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GatewayParts:
    """What all conversations of a gateway share."""

    settings: Settings
    store: Store
    keys: KeyRing
    quotas: Quotas
    binder: Binder
    channels: Channels
    streams: Streams
    opener: SessionOpener
    announcer: NoticeDater
    random: Random
    watcher: Watcher
    backoff: Backoff

    def carrier(
        self, ticket: SessionAccess, stream: ClientStream, credits: Credits, watch: ConnectionWatch
    ) -> Carrier:
        """What carries one conversation."""
        attempts = Attempts(self.backoff, MonotonicClock(), self.random)
        return Carrier(
            *(ticket, stream.outbox, credits, self.binder, self.channels, attempts),
            *(self.announcer, watch),
        )


class Conversing:
    """One call of Converse: this task writes, one reads, one carries."""

    def __init__(self, parts: GatewayParts, stream: ClientStream, grant: Grant) -> None:
        self._parts = parts
        self._stream = stream
        self._grant = grant
        self._tenant = grant.tenant
        self._first: asyncio.Future[pb.ConverseRequest] = asyncio.get_running_loop().create_future()
        self._first.add_done_callback(lambda first: first.cancelled() or first.exception())
        self._known_text = KnownText()
        self._is_token_settled = False
        self._carrier: asyncio.Future[Carrier] = asyncio.get_running_loop().create_future()

    async def hold(self, requests: AsyncIterator[pb.ConverseRequest], context: Any) -> None:
        """Returns, or raises, when the call is over."""
        reader = asyncio.create_task(self._read(requests))
        # Never cancelled while the call lasts: that would break the stream, and the client would
        # be told of an internal error.
        context.add_done_callback(lambda _context: reader.cancel())
        first = await self._first_request()
        began_ms = self._parts.watcher.clock.now_ms()
        ticket = await self._parts.opener.admit(self._tenant, first)
        speak_of(ticket.session_id)
        credits = Credits(self._parts.settings.sessions.unseen_events, ticket.last_server_seq)
        watch = self._watched(ticket, began_ms)
        carrier = self._parts.carrier(ticket, self._stream, credits, watch)
        try:
            with self._parts.streams.holding(
                *(ticket.tenant.tenant_id, ticket.session_id),
                *(ticket.connection_number, self._stream),
            ):
                async with (
                    running(self._carry(carrier)),
                    running(self._stay_admitted(context)),
                ):
                    self._carrier.set_result(carrier)
                    await self._write(carrier, credits, watch, context)
        except Exception as error:
            watch.failed(error)
            raise
        finally:
            if first.HasField("start") and not carrier.ready.is_set():
                await self._forget(ticket)

    async def _first_request(self) -> pb.ConverseRequest:
        """Waits on the reader's word, not on the stream, so that a time limit does no harm."""
        within_s = self._parts.settings.gateway.unary_ms / 1e3
        done, _ = await asyncio.wait({self._first}, timeout=within_s)
        if not done:
            raise InvalidInput(
                f"must be start or resume, and none came in {within_s:g} s", field="request"
            )
        return self._first.result()

    async def _read(self, requests: AsyncIterator[pb.ConverseRequest]) -> None:
        try:
            async for request in requests:
                if self._stream.is_ended:
                    return
                if not self._first.done():
                    self._first.set_result(request)
                else:
                    await self._take(request)
            await self._leave()
        except Exception as error:
            self._fail(error)

    async def _take(self, request: pb.ConverseRequest) -> None:
        carrier = await self._ready_carrier()
        event = event_of(request)
        if request.ready_received and not self._is_token_settled:
            await self._settle_token(carrier.ticket)  # first: an answer shows that it was done
        if carrier.relay.is_news(event):
            num_chars = self._known_text.num_new_chars(event)
            await self._parts.quotas.say(self._tenant, num_chars, event.ByteSize())
            self._parts.watcher.metrics.tenants.said(self._tenant.tenant_id, num_chars)
            await carrier.room()
            carrier.say(event)

    async def _settle_token(self, ticket: SessionAccess) -> None:
        """The client has its new token: from now on it is the only one."""
        try:
            if ticket.is_resumed:
                where = ticket.tenant.tenant_id, ticket.session_id
                await self._parts.store.settle_token(*where, digest_of(ticket.resume_token))
            self._is_token_settled = True
        except DuologueError as error:  # with another message, then
            log.info("a resume token could not be settled: %s", error)

    async def _leave(self) -> None:
        """The client ended its side: the session has what was said, and stays."""
        if not self._first.done():
            raise InvalidInput(
                "must be start or resume, and the stream ended without one", field="request"
            )
        carrier = await self._ready_carrier()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._parts.settings.gateway.unary_ms / 1e3):
                await carrier.settle()
        self._stream.end()

    async def _ready_carrier(self) -> Carrier:
        # Shielded: when the call is over, this task is cancelled, and the future is not its own.
        carrier = await asyncio.shield(self._carrier)
        await carrier.ready.wait()
        return carrier

    def _fail(self, error: Exception) -> None:
        if self._first.done():
            self._stream.end(error)
        else:
            self._first.set_exception(error)

    async def _stay_admitted(self, context: Any) -> None:
        """End the stream when its key is revoked, its time is over, or its tenant is deleted."""
        metadata = context.invocation_metadata() or ()
        while not self._stream.is_ended:
            await asyncio.sleep(ADMITTED_S)
            try:
                await self._parts.keys.check(metadata, self._grant)
            except NotAuthenticated as error:
                self._stream.end(error)
            except DuologueError as error:  # nobody can say now
                log.info("a key could not be checked: %s", error)

    async def _carry(self, carrier: Carrier) -> None:
        try:
            await carrier.run()
            self._stream.end()
        except Exception as error:
            self._stream.end(error)

    async def _write(
        self, carrier: Carrier, credits: Credits, watch: ConnectionWatch, context: Any
    ) -> None:
        async for event in self._stream.events():
            await context.write(pb.ConverseResponse(event=event))
            credits.written(event)
            watch.told(event)
            if credits.is_due:
                carrier.wake()

    def _watched(self, ticket: SessionAccess, began_ms: float) -> ConnectionWatch:
        return self._parts.watcher.conversation(
            self._tenant.tenant_id,
            ticket.session_id,
            is_resumed=ticket.is_resumed,
            usage_before=ticket.usage_before,
            began_ms=began_ms,
        )

    async def _forget(self, ticket: SessionAccess) -> None:
        """Nobody can come back to a session whose token nobody was told."""
        with suppress(DuologueError):
            await self._parts.store.close_session(ticket.tenant.tenant_id, ticket.session_id)


class ConversationServicer(ConversationServiceServicer):
    """Behind the guard: the caller is known, messages are whole, errors become statuses."""

    def __init__(self, parts: GatewayParts) -> None:
        self._parts = parts

    async def Converse(  # type: ignore[override]  # grpc.aio lets a coroutine write the stream
        self, request_iterator: AsyncIterator[pb.ConverseRequest], context: Any
    ) -> None:
        """Holds a conversation."""
        tenant, tenants = caller(), self._parts.watcher.metrics.tenants
        with (
            self._parts.streams.opened(tenant.tenant_id) as stream,
            tenants.conversing(tenant.tenant_id),
        ):
            await Conversing(self._parts, stream, granted()).hold(request_iterator, context)

    async def CreateSession(
        self, request: pb.CreateSessionRequest, context: Any
    ) -> pb.CreateSessionResponse:
        """Makes a session without talking to it yet."""
        new = await self._parts.opener.create(caller(), request.config)
        where = new.record.tenant_id, new.record.session_id
        record = await self._parts.store.require_session(*where)
        session = session_to_pb(record, self._parts.settings.store)
        return pb.CreateSessionResponse(session=session, resume_token=new.resume_token)

    async def GetSession(
        self, request: pb.GetSessionRequest, context: Any
    ) -> pb.GetSessionResponse:
        """Tells what is known of a session."""
        session_id = _named(request.session_id)
        record = await self._parts.store.require_session(caller().tenant_id, session_id)
        return pb.GetSessionResponse(session=session_to_pb(record, self._parts.settings.store))

    async def ListSessions(
        self, request: pb.ListSessionsRequest, context: Any
    ) -> pb.ListSessionsResponse:
        """Lists the tenant's sessions, newest first."""
        page = await self._parts.store.list_sessions(
            caller().tenant_id, request.page_size, request.page_token
        )
        sessions = [listed_to_pb(each, self._parts.settings.store) for each in page.sessions]
        return pb.ListSessionsResponse(sessions=sessions, next_page_token=page.next_page_token)

    async def CloseSession(
        self, request: pb.CloseSessionRequest, context: Any
    ) -> pb.CloseSessionResponse:
        """Ends a session, whoever is connected to it."""
        session_id = _named(request.session_id)
        await self._parts.store.close_session(caller().tenant_id, session_id)
        return pb.CloseSessionResponse()

    async def GetTranscript(
        self, request: pb.GetTranscriptRequest, context: Any
    ) -> pb.GetTranscriptResponse:
        """Gives what was said so far, page by page."""
        session_id = _named(request.session_id)
        page = await self._parts.store.transcript_page(
            caller().tenant_id, session_id, request.page_size, request.page_token
        )
        return pb.GetTranscriptResponse(
            entries=map(transcript_entry_to_pb, page.entries), next_page_token=page.next_page_token
        )


def _named(session_id: str) -> str:
    """The session that a call is about; raises InvalidInput if it can be none."""
    speak_of(check_session_id(session_id))
    return session_id
