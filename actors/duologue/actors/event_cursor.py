"""A client's connection to its session: what is written to it, in order and once."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from duologue.hosting.actions import Notify
from duologue.session.recent_events import Told
from duologue.v1 import session_pb2 as pb
from duologue.wire.notices import notice_to_pb
from duologue.wire.server_events import server_event_to_pb

EventsAfter = Callable[[int], Sequence[Told]]
Write = Callable[[pb.AttachResponse], Awaitable[None]]

MAX_NOTICES = 16
"""Notices that may wait; beyond that the oldest is dropped: they are true only when they are
sent."""


class EventCursor:
    """A cursor into the session's events. Whoever does not read blocks nobody else."""

    def __init__(
        self, server_seq: int, events_after: EventsAfter, connection_number: int = 0
    ) -> None:
        """The client has seen the events up to this one."""
        self.connection_number = connection_number
        self._cursor = server_seq
        self._events_after = events_after
        self._client_seq = 0  # the last that an event has told
        self._notices: deque[Notify] = deque(maxlen=MAX_NOTICES)
        self._news = asyncio.Event()
        self._is_ending = False
        self._farewell: pb.AttachResponse | None = None
        self.is_over = asyncio.Event()
        """Set when nothing will be written any more."""

    def wake(self) -> None:
        """There may be more to show."""
        self._news.set()

    def notify(self, notice: Notify) -> None:
        """Say something about the connection, behind the event that it follows."""
        self._notices.append(notice)
        self._news.set()

    @property
    def is_ending(self) -> bool:
        """Whether it is over but for what is still to be written."""
        return self._is_ending

    def end(self, farewell: pb.AttachResponse | None = None) -> None:
        """Show what there is to show, take leave, and end. The first call counts."""
        if not self._is_ending:
            self._is_ending, self._farewell = True, farewell
            self._news.set()

    async def run(self, welcome: pb.AttachResponse, write: Write) -> None:
        """Write until the end, or until writing fails."""
        try:
            await write(welcome)
            self._client_seq = welcome.welcome.last_client_seq
            while not self._is_ending:
                self._news.clear()
                await self._catch_up(write)
                await self._news.wait()
            await self._catch_up(write)
            if self._farewell is not None:
                await write(self._farewell)
        finally:
            self.is_over.set()

    async def _catch_up(self, write: Write) -> None:
        while told := self._events_after(self._cursor):
            for envelope, client_seq in told:
                await self._say_notices(write)
                event = server_event_to_pb(envelope, client_seq)
                self._cursor, self._client_seq = envelope.server_seq, client_seq
                await write(pb.AttachResponse(event=event))
        await self._say_notices(write)

    async def _say_notices(self, write: Write) -> None:
        while self._notices and self._notices[0].after_seq <= self._cursor:
            notice = self._notices.popleft().notice
            await write(pb.AttachResponse(event=notice_to_pb(notice, self._client_seq)))
