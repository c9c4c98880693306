"""The conversations that one gateway carries."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

from duologue.errors import CapacityExceeded, DuologueError, InvalidInput, QuotaUsedUp
from duologue.gateway.errors import Draining, Replaced
from duologue.gateway.outbox import Outbox
from duologue.v1 import conversation_pb2 as pb
from duologue.v1 import events_pb2

_AGAIN_MS = 1_000


class ClientStream:
    """The client's end of one conversation. Whoever ends it first says why."""

    def __init__(self, outbox_events: int) -> None:
        self.outbox = Outbox(outbox_events)
        self._error: Exception | None = None
        self._is_ended = False

    def end(self, error: Exception | None = None) -> None:
        """End the stream: in good order when everything is written, with an error at once."""
        if not self._is_ended:
            self._is_ended, self._error = True, error
            self.outbox.end()

    @property
    def is_ended(self) -> bool:
        """Whether nothing more is taken from the client."""
        return self._is_ended

    async def events(self) -> AsyncIterator[events_pb2.ServerEvent]:
        """What is to be written; raises the error that ended the stream."""
        while self._error is None and (event := await self.outbox.get()) is not None:
            yield event
        if self._error is not None:
            raise self._error


class Streams:
    """Bounded; can be told to end."""

    def __init__(self, max_streams: int, outbox_events: int, max_of_tenant: int) -> None:
        self._max_streams = max_streams
        self._max_of_tenant = max_of_tenant
        self._outbox_events = outbox_events
        self._num_of: Counter[str] = Counter()
        self._open: set[ClientStream] = set()
        self._holders: dict[tuple[str, str], tuple[int, ClientStream]] = {}
        self._all_gone = asyncio.Event()
        self._all_gone.set()
        self.is_draining = False

    def __len__(self) -> int:
        return len(self._open)

    @contextmanager
    def opened(self, tenant_id: str) -> Iterator[ClientStream]:
        """A stream for as long as the block; raises Draining, CapacityExceeded or QuotaUsedUp."""
        if self.is_draining:
            raise Draining("this gateway takes no new conversations: another one does")
        if len(self._open) >= self._max_streams:
            raise CapacityExceeded(
                f"this gateway carries {len(self._open)} conversations, as many as it may"
            )
        if self._num_of[tenant_id] >= self._max_of_tenant:
            raise QuotaUsedUp(
                f"a tenant may have {self._max_of_tenant} conversations open at one gateway",
                retry_after_ms=_AGAIN_MS,
            )
        stream = ClientStream(self._outbox_events)
        self._open.add(stream)
        self._num_of[tenant_id] += 1
        self._all_gone.clear()
        try:
            yield stream
        finally:
            self._open.remove(stream)
            self._num_of[tenant_id] -= 1
            if not self._num_of[tenant_id]:
                del self._num_of[tenant_id]
            if not self._open:
                self._all_gone.set()

    @contextmanager
    def holding(
        self, tenant_id: str, session_id: str, connection_number: int, stream: ClientStream
    ) -> Iterator[None]:
        """The stream has the session now; an older one here ends, also while it sleeps.

        Raises Replaced when a newer one was faster.
        """
        key, held = (tenant_id, session_id), (connection_number, stream)
        number, present = self._holders.get(key, held)
        if number > connection_number:
            raise Replaced("another connection has the session now")
        if present is not stream:
            present.end(Replaced("another connection has the session now"))
        self._holders[key] = held
        try:
            yield
        finally:
            if self._holders.get(key) is held:
                del self._holders[key]

    async def drain(self, notice: events_pb2.ServerEvent, within_s: float) -> None:
        """Take no more, tell everybody, and wait until they have gone or the time is over."""
        self.is_draining = True
        for stream in self._open:
            stream.outbox.put_first(notice)
        try:
            async with asyncio.timeout(within_s):
                await self._all_gone.wait()
        except TimeoutError:
            self.end_all(Draining("this gateway stops: resume at another one"))

    def end_all(self, error: DuologueError) -> None:
        for stream in self._open:
            stream.end(error)


def event_of(request: Any) -> events_pb2.ClientEvent:
    """The event of a later request; raises InvalidInput for whatever else it is."""
    assert isinstance(request, pb.ConverseRequest)
    if not request.HasField("event"):
        kind = request.WhichOneof("request") or "empty"
        raise InvalidInput(f"must be event after the first message, not {kind}", field="request")
    return request.event
