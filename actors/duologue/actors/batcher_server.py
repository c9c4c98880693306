"""BatchingService on grpc.aio: session streams here, the loop's queue there."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

from duologue.actors.sit_stream import SitStream
from duologue.batching.loop import BatchLoop
from duologue.batching.messages import (
    Change,
    Command,
    Delivery,
    GiveCells,
    StreamEnded,
    Take,
    Unseated,
    Work,
)
from duologue.errors import DuologueError, InvalidInput
from duologue.v1 import batching_pb2 as pb
from duologue.v1.batching_pb2_grpc import BatchingServiceServicer
from duologue.wire.lanes import profile_from_pb
from duologue.wire.model import without_words
from duologue.wire.sitting import seat_from_pb
from duologue.wire.slices import slice_from_pb

log = logging.getLogger(__name__)


class BatchingServer(BatchingServiceServicer):
    """One reader and one writer per stream.

    `scatter` is called by the thread of forwards, and wakes the event loop once for all results of
    a forward: waking it costs more than a result.
    """

    def __init__(self, batcher_id: str, description: pb.DescribeResponse) -> None:
        self._batcher_id = batcher_id
        self._description = description
        self._event_loop = asyncio.get_running_loop()
        self._readers: set[asyncio.Task[None]] = set()
        self._loop: BatchLoop | None = None

    def serve(self, loop: BatchLoop) -> None:
        """Hand commands to this loop from now on."""
        self._loop = loop

    def scatter(self, deliveries: Sequence[Delivery]) -> None:
        """Have answers written, from any thread."""
        if not self._event_loop.is_closed():
            self._event_loop.call_soon_threadsafe(_put_all, deliveries)

    async def Describe(self, request: pb.DescribeRequest, context: Any) -> pb.DescribeResponse:
        """Tells which model this is; its words only to those who do not have them."""
        is_known = request.known_digest == self._description.digest
        return without_words(self._description) if is_known else self._description

    async def Sit(  # type: ignore[override]  # grpc.aio lets a coroutine write the stream
        self, request_iterator: AsyncIterator[pb.SitRequest], context: Any
    ) -> None:
        """One session's seat. What is refused is said on the stream, which then ends."""
        stream = SitStream(self._batcher_id)
        # Not cancelled at the end: gRPC would tell the session of an internal error. It ends with
        # the call.
        reader = asyncio.create_task(self._read(request_iterator, stream))
        self._readers.add(reader)
        reader.add_done_callback(self._readers.discard)
        try:
            while (response := await stream.next()) is not None:
                await context.write(response)
        finally:
            self._post(StreamEnded(stream))

    async def _read(self, requests: AsyncIterator[pb.SitRequest], stream: SitStream) -> None:
        try:
            async for request in requests:
                self._post(self._command(request, stream))
        except DuologueError as error:
            stream.put(Unseated(error))
        except Exception:
            # Bytes that are no message, or a call that has broken: it is over in any case.
            log.info("a stream broke", exc_info=True)
        finally:
            stream.end()

    def _command(self, request: pb.SitRequest, stream: SitStream) -> Command:
        match request.WhichOneof("request"):
            case "take_seat":
                return _take(request.take_seat, stream)
            case _ if not stream.key:
                raise InvalidInput("must be the first message of a stream", field="take_seat")
            case "slice":
                now_ms = self._present_loop.clock.now_ms()
                work = slice_from_pb(request.slice, stream.key, stream.epoch)
                return Work(stream, work, now_ms)
            case "profile":
                return Change(stream, profile_from_pb(request.profile))
            case "rest":
                return GiveCells(stream)
            case _:
                raise InvalidInput("must be take_seat, slice, profile or rest", field="request")

    def _post(self, command: Command) -> None:
        self._present_loop.post(command)

    @property
    def _present_loop(self) -> BatchLoop:
        assert self._loop is not None, "the server listens before it has a loop"
        return self._loop


def _take(message: pb.TakeSeat, stream: SitStream) -> Take:
    seat = seat_from_pb(message)
    stream.key, stream.epoch = seat.key, seat.epoch
    return Take(
        stream,
        seat.key,
        seat.session_id,
        seat.epoch,
        seat.strategy,
        seat.lane,
        seat.profile,
        seat.traceparent,
        message.had_seat,
        seat.tenant_id,
        seat.max_tenant_cells,
        seat.weight,
    )


def _put_all(deliveries: Sequence[Delivery]) -> None:
    for stream, answer in deliveries:
        assert isinstance(stream, SitStream)
        stream.put(answer)
