"""One stream between this gateway and a session's actor: a reader, a writer, nothing kept."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc

from duologue.gateway.credits import Credits
from duologue.gateway.errors import SessionLost
from duologue.gateway.relay import Relay
from duologue.v1 import events_pb2
from duologue.v1 import session_pb2 as pb
from duologue.v1.session_pb2_grpc import SessionServiceStub

ATTACH_S = 10.0
"""An actor that says nothing for so long after Hello is taken for lost."""

OnSent = Callable[[events_pb2.ClientEvent], None]
"""Is told of every client event that was written to the actor."""

_Call = grpc.aio.StreamStreamCall[pb.AttachRequest, pb.AttachResponse]


class AttachedStream:
    """Made by `attached`. No time limit stands around a read or a write: that would end the call
    with a message half passed on."""

    def __init__(self, call: _Call, relay: Relay, credits: Credits, on_sent: OnSent) -> None:
        self._call = call
        self._relay = relay
        self._credits = credits
        self._on_sent = on_sent
        self._wake = asyncio.Event()
        self._welcome_seq = 0

    def wake(self) -> None:
        """There is something to send: an event was taken, or credit is due."""
        self._wake.set()

    async def open(self, epoch: int) -> pb.AttachResponse:
        """Say Hello; returns the answer, a Welcome or why not. Raises SessionLost."""
        timer = asyncio.get_running_loop().call_later(ATTACH_S, self._call.cancel)
        try:
            if not await self._write(pb.AttachRequest(hello=self._relay.hello(epoch))):
                raise await self._lost()
            return await self.read()
        finally:
            timer.cancel()

    async def read(self) -> pb.AttachResponse:
        """What comes next; raises SessionLost at the end of the stream, whatever its cause."""
        try:
            response = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise _lost(error) from error
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            raise SessionLost("the session's actor does not answer") from None  # the timer's doing
        if not isinstance(response, pb.AttachResponse):
            raise await self._lost()
        return response

    async def send_all(self, sent_seq: int) -> None:
        """Send what the actor lacks, then whatever comes. The reader learns why it cannot."""
        while True:
            self._wake.clear()
            for event in self._relay.after(sent_seq):
                if not await self._write(pb.AttachRequest(event=event)):
                    return
                self._on_sent(event)
                sent_seq = event.client_seq
            if self._credits.is_due:
                seen = pb.Seen(server_seq=self._credits.told())
                if not await self._write(pb.AttachRequest(seen=seen)):
                    return
            await self._wake.wait()

    async def _write(self, request: pb.AttachRequest) -> bool:
        try:
            await self._call.write(request)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return False
        return True

    async def _lost(self) -> SessionLost:
        code, words = await self._call.code(), await self._call.details()
        return SessionLost(f"the session's actor ended the stream: {code.name.lower()} {words}")


def _lost(error: grpc.aio.AioRpcError) -> SessionLost:
    words = f"{error.code().name.lower()} {error.details()}"
    return SessionLost(f"the session's actor is gone: {words}")


@asynccontextmanager
async def attached(
    channel: grpc.aio.Channel, relay: Relay, credits: Credits, on_sent: OnSent
) -> AsyncIterator[AttachedStream]:
    """A stream to the actor behind a channel, which ends with the block."""
    call = SessionServiceStub(channel).Attach()
    try:
        yield AttachedStream(call, relay, credits, on_sent)
    finally:
        call.cancel()
