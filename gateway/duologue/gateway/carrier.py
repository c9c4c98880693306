"""Carries one client's conversation: from actor to actor, as long as the client stays."""

import asyncio
import logging
from dataclasses import dataclass, field
from enum import Enum
from typing import assert_never

from duologue.background import running
from duologue.errors import (
    BatcherUnavailable,
    CapacityExceeded,
    DuologueError,
    InvalidInput,
    ModelUnavailable,
    SessionEnded,
    StaleEpoch,
    StoreUnavailable,
)
from duologue.gateway.attachment import AttachedStream, attached
from duologue.gateway.backoff import Attempts
from duologue.gateway.binding import Binder, SessionRoute
from duologue.gateway.channels import Channels
from duologue.gateway.credits import Credits
from duologue.gateway.errors import EventsGone, Replaced, SessionLost
from duologue.gateway.inner_places import without_places
from duologue.gateway.notices import NoticeDater
from duologue.gateway.outbox import Outbox
from duologue.gateway.relay import EventOrder, Relay
from duologue.gateway.watching import ConnectionWatch
from duologue.tenants import Tenant
from duologue.usage import Usage
from duologue.v1 import events_pb2
from duologue.v1 import session_pb2 as pb
from duologue.wire.errors import error_from_pb

log = logging.getLogger(__name__)

_PASSING = (SessionLost, StaleEpoch, StoreUnavailable, BatcherUnavailable)
"""What another attempt may mend."""


class _Parting(Enum):
    """Why an actor no longer has the session."""

    CLOSED = "closed"
    ASLEEP = "asleep"
    LEAVING = "leaving"


@dataclass(frozen=True, slots=True)
class SessionAccess:
    """Which session a client may talk to."""

    tenant: Tenant
    session_id: str
    resume_token: str
    """What resumes it the next time."""
    last_server_seq: int = 0
    connection_number: int = 0
    """Which of the session's connections this is; 0 is the one that made it."""
    usage_before: Usage = field(default_factory=Usage)
    """What the session had used before this connection."""

    @property
    def is_resumed(self) -> bool:
        """Whether the session is older than this connection."""
        return self.connection_number > 0


class Carrier:
    """Finds the session's actor, attaches, passes on; and again when the actor goes."""

    def __init__(
        self,
        ticket: SessionAccess,
        outbox: Outbox,
        credits: Credits,
        binder: Binder,
        channels: Channels,
        attempts: Attempts,
        announcer: NoticeDater,
        watch: ConnectionWatch,
    ) -> None:
        self.ticket = ticket
        self._outbox = outbox
        self._credits = credits
        self._binder = binder
        self._channels = channels
        self._attempts = attempts
        self._announcer = announcer
        self._watch = watch
        self._attachment: AttachedStream | None = None
        self._epoch = 0
        """The newest under which the session was attached or refused."""
        self._moved_because = ""
        self._input = asyncio.Event()
        self._taken = asyncio.Event()
        self.relay = Relay(
            *(ticket.tenant.tenant_id, ticket.session_id, ticket.last_server_seq),
            connection_number=ticket.connection_number,
        )
        self.ready = asyncio.Event()
        """Set when the session can be talked to."""

    # The client's side.

    async def room(self) -> None:
        """Wait until another event of the client can be kept."""
        while self.relay.is_full:
            await self._next_taken()

    def say(self, event: events_pb2.ClientEvent) -> None:
        """Take an event, and send it when there is an actor; a repeat is passed over.

        What was news may have become a repeat by now: the session has it from an older connection.
        """
        if not self.relay.is_news(event):
            return
        self.relay.take(event)
        self._watch.said(event)
        self._input.set()
        self.wake()

    async def settle(self) -> None:
        """Wait until the session has everything that the client said."""
        while self.relay.num_kept:
            await self._next_taken()

    def wake(self) -> None:
        """Something is to be sent to the actor."""
        if self._attachment is not None:
            self._attachment.wake()

    async def _next_taken(self) -> None:
        self._taken.clear()
        await self._taken.wait()

    # The session's side.

    async def run(self) -> None:
        """Returns when the session is closed; raises the error that ends the stream."""
        while True:
            try:
                route = await self._binder.find(
                    self.ticket.tenant,
                    self.ticket.session_id,
                    lost_epoch=self._epoch,
                    traceparent=self._watch.traceparent,
                    on_queued=self._queued,
                )
                parting = await self._carry(route)
            except _PASSING as error:
                await self._pause(error)
                continue
            match parting:
                case _Parting.CLOSED:
                    return
                case _Parting.ASLEEP:
                    await self._next_input()
                case _Parting.LEAVING:
                    await self._pause(SessionLost(self._moved_because))
                case _:
                    assert_never(parting)

    async def _carry(self, route: SessionRoute) -> _Parting:
        """Attach to the actor and pass on until it parts; raises what ends this attachment."""
        self._epoch = max(self._epoch, route.epoch)
        async with (
            self._channels.use(route.address) as channel,
            attached(channel, self.relay, self._credits, self._watch.sent) as attachment,
        ):
            answer = await attachment.open(route.epoch)
            if not answer.HasField("welcome"):
                await self._take(answer)
                # Also when it sleeps: what it did not welcome may lack events that it has.
                return _Parting.LEAVING
            self.relay.welcomed(answer.welcome)
            self._epoch = max(self._epoch, answer.welcome.epoch)
            await self._welcomed(answer.welcome)
            self._attachment = attachment
            try:
                async with running(attachment.send_all(answer.welcome.last_client_seq)):
                    return await self._pass_on(attachment)
            finally:
                self._attachment = None

    async def _pass_on(self, attachment: AttachedStream) -> _Parting:
        while True:
            parting = await self._take(await attachment.read())
            if parting is not None:
                return parting

    async def _welcomed(self, welcome: pb.Welcome) -> None:
        self._input.clear()
        self._taken.set()
        if not self.ready.is_set():
            ticket = self.ticket
            notice = self._announcer.ready(ticket.session_id, ticket.resume_token, welcome)
            await self._outbox.put(notice)
            self.ready.set()
            self._watch.opened(welcome.epoch)
        elif self._moved_because:
            self._watch.moved(welcome.epoch)
            await self._outbox.put(self._announcer.moved(self._moved_because, welcome))
        self._moved_because = ""

    async def _take(self, response: pb.AttachResponse) -> _Parting | None:
        match response.WhichOneof("response"):
            case "event":
                return await self._pass(response.event)
            case "asleep":
                return _Parting.ASLEEP
            case "leaving":
                self._moved_because = response.leaving.reason or "its process gave it up"
                return _Parting.LEAVING
            case "replaced":
                raise Replaced("another connection has the session now")
            case "refused":
                raise _refused(response.refused)
            case kind:
                raise SessionLost(f"the session's actor said {kind}, which is not expected")

    async def _pass(self, event: events_pb2.ServerEvent) -> _Parting | None:
        self._watch.came(event)
        num_kept = self.relay.num_kept
        passage = self.relay.judge(event)
        if self.relay.num_kept < num_kept:
            self._attempts.progressed()
            self._taken.set()
        if passage is EventOrder.IS_EARLY:
            raise SessionLost(f"an event before {event.server_seq} is missing")
        if passage is EventOrder.WAS_PASSED:
            return None
        if event.server_seq:
            self._attempts.progressed()
        if event.HasField("error"):
            event.error.message = without_places(event.error.message)
        await self._outbox.put(event)
        return _Parting.CLOSED if event.HasField("session_closed") else None

    async def _next_input(self) -> None:
        """The session sleeps until its client says something."""
        self._moved_because = ""
        while not self.relay.num_kept:
            self._input.clear()
            await self._input.wait()

    async def _pause(self, error: DuologueError) -> None:
        """Wait before the next attempt; raises the error when there is to be none."""
        self._moved_because = self._moved_because or str(error)
        wait_ms = self._attempts.failed()
        log.info("session %s is to be found again: %s", self.ticket.session_id, error)
        if wait_ms is None:
            raise error
        await asyncio.sleep(wait_ms / 1e3)

    def _queued(self, position: int) -> None:
        self._outbox.put_now(self._announcer.queued(position))


def _refused(error: events_pb2.Error) -> DuologueError:
    """What a refusal by an actor means to the client's stream."""
    told = error_from_pb(error)
    if isinstance(told, CapacityExceeded):
        return EventsGone(str(told))
    if isinstance(told, (InvalidInput, SessionEnded, ModelUnavailable, *_PASSING)):
        return told
    return SessionLost(f"the session's actor refuses: {told}")  # it is to be found elsewhere
