"""A gateway's side of a session, and its client's: attaches, speaks, reads, resends, resumes."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from grpc import aio

from duologue.actors.session_server import Bound
from duologue.events import ClientEvent, InputAppend, ServerEvent
from duologue.v1 import events_pb2
from duologue.v1 import session_pb2 as pb
from duologue.v1.session_pb2_grpc import SessionServiceStub
from duologue.wire.client_events import client_event_to_pb
from duologue.wire.server_events import event_from_pb
from tests.waiting import WITHIN_S, News

AWAKE_MS = 3_600_000
"""Longer than any test: a session whose guest says nothing while it waits for something else does
not fall asleep meanwhile."""


class Guest:
    """Checks at every event that none was lost and none came twice."""

    within_s = WITHIN_S
    """How long it waits for anything."""

    def __init__(self, tenant_id: str, session_id: str, connection_number: int = 0) -> None:
        self.tenant_id = tenant_id
        self.session_id = session_id
        self.connection_number = connection_number
        self.told: list[events_pb2.ServerEvent] = []
        self.notices: list[events_pb2.ServerEvent] = []
        self.welcome = pb.Welcome()
        self.farewell: pb.AttachResponse | None = None
        self.is_reading = True
        self.is_over = False
        self._client_seq = 0
        self._untaken: dict[int, ClientEvent] = {}
        self._news = News()
        self._writing = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None

    @property
    def events(self) -> list[ServerEvent]:
        """What happened, in order."""
        return [event_from_pb(message) for message in self.told]

    @property
    def text(self) -> str:
        """All that was said to it."""
        return "".join(message.response_delta.text for message in self.told)

    async def attach(self, bound: Bound, *, epoch: int | None = None) -> None:
        """Connect, and send again what the session has not taken."""
        await self.detach()
        self.welcome, self.farewell, self.is_over = pb.Welcome(), None, False
        self._channel = aio.insecure_channel(bound.address)
        self._call = SessionServiceStub(self._channel).Attach()
        hello = pb.Hello(
            tenant_id=self.tenant_id,
            session_id=self.session_id,
            epoch=bound.epoch if epoch is None else epoch,
            last_server_seq=len(self.told),
            connection_number=self.connection_number,
        )
        await self._call.write(pb.AttachRequest(hello=hello))
        self._reader = asyncio.create_task(self._read())
        await self.until(lambda: self.welcome.epoch == bound.epoch or self.is_over, "a welcome")
        self._taken(self.welcome.last_client_seq)
        for seq, event in sorted(self._untaken.items()):
            await self._write(seq, event)

    async def detach(self) -> None:
        """The connection breaks off."""
        if self._reader is not None:
            self._call.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
            await self._channel.close()
            self._reader = None

    async def send(self, event: ClientEvent) -> None:
        """Say something. It is kept until the session has taken it."""
        self._client_seq += 1
        self._untaken[self._client_seq] = event
        await self._write(self._client_seq, event)

    async def say(self, text: str, segment_id: str = "a") -> None:
        await self.send(InputAppend(segment_id, text))

    async def request(self, request: pb.AttachRequest) -> None:
        """Say whatever it is."""
        async with self._writing:  # two writes at once would break the call
            await self._call.write(request)

    async def saw(self, server_seq: int) -> None:
        """Report how far it has read."""
        await self.request(pb.AttachRequest(seen=pb.Seen(server_seq=server_seq)))

    async def until(self, is_so: Callable[[], object], what: str) -> None:
        """Wait until something is so."""
        await self._news.until(
            lambda: self._failure is not None or is_so(),
            what,
            lambda: (self.events, self.notices, self.farewell),
            within_s=self.within_s,
        )
        if self._failure is not None:
            raise self._failure

    async def until_event(self, kind: type[ServerEvent], count: int = 1) -> None:
        """Wait for so many events of a kind."""
        await self.until(
            lambda: sum(isinstance(e, kind) for e in self.events) >= count,
            f"{kind.__name__} number {count}",
        )

    async def until_over(self) -> None:
        """Wait for the end of the connection."""
        await self.until(lambda: self.is_over, "the end of the connection")

    async def _write(self, seq: int, event: ClientEvent) -> None:
        with suppress(aio.AioRpcError, asyncio.InvalidStateError):
            await self.request(pb.AttachRequest(event=client_event_to_pb(seq, event)))

    async def _read(self) -> None:
        try:
            async for response in self._call:
                await self._take(response)
                self._news.tell()
        except (aio.AioRpcError, asyncio.CancelledError):
            pass
        except AssertionError as error:
            self._failure = error
        finally:
            self.is_over = True
            self._news.tell()

    async def _take(self, response: pb.AttachResponse) -> None:
        match response.WhichOneof("response"):
            case "welcome":
                self.welcome = response.welcome
            case "event" if response.event.server_seq == 0:
                self.notices.append(response.event)
            case "event":
                event = response.event
                assert event.server_seq == len(self.told) + 1, "an event was lost or doubled"
                self.told.append(event)
                self._taken(event.client_seq)
                if self.is_reading:
                    # The other side may have ended already; what it said last is still to be read.
                    with suppress(aio.AioRpcError, asyncio.InvalidStateError):
                        await self.saw(event.server_seq)
            case _:
                self.farewell = response

    def _taken(self, client_seq: int) -> None:
        for seq in [seq for seq in self._untaken if seq <= client_seq]:
            del self._untaken[seq]
