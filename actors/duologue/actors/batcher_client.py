"""A session's way to a batching actor: the model's words, and a seat at it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from grpc import aio

from duologue.actors.grpc_options import CLIENT
from duologue.batching.load_plan import Load
from duologue.errors import BatcherUnavailable
from duologue.lane.profile import LaneProfile
from duologue.lane.slices import Slice, SliceResult
from duologue.lane.state import LaneState
from duologue.peers import IN_CLEAR, Peers
from duologue.session.model_words import ModelWords
from duologue.strategies.base import Strategy
from duologue.v1 import batching_pb2 as pb
from duologue.v1.batching_pb2_grpc import BatchingServiceStub
from duologue.wire.errors import error_from_pb
from duologue.wire.lanes import profile_to_pb
from duologue.wire.model import words_from_pb
from duologue.wire.sitting import SeatRequest, load_from_pb, seat_to_pb
from duologue.wire.slices import result_from_pb, slice_to_pb

DESCRIBE_WITHIN_S = 10.0
SEAT_WITHIN_S = 10.0
CLOSE_WITHIN_S = 1.0
MAX_DESCRIPTION_BYTES = 256 << 20
MAX_KNOWN_WORDS = 4
MAX_KNOWN_ADDRESSES = 256

_known_words: dict[str, ModelWords] = {}
"""By digest: parsing a tokenizer takes longer than all the rest of a session's start."""
_digest_at: dict[str, str] = {}
"""Of those words, by the address where they were told last."""


async def describe_any(addresses: Sequence[str], peers: Peers = IN_CLEAR) -> ModelWords:
    """The words of the first of these that answers: what was announced may be gone by now.

    Raises BatcherUnavailable if none does.
    """
    error = BatcherUnavailable("no batching actor is there that could describe its model")
    for address in addresses:
        try:
            return await describe(address, peers=peers)
        except BatcherUnavailable as failed:
            error = failed
    raise error


async def describe(
    address: str,
    *,
    within_s: float = DESCRIBE_WITHIN_S,
    waits: bool = False,
    peers: Peers = IN_CLEAR,
) -> ModelWords:
    """The words of the model at that address ("host:port" or "unix:/path").

    With `waits`, nobody need listen there yet: those that are announced do so already. Words that
    this process knows are not sent again. Raises BatcherUnavailable.
    """
    likely = _digest_at.get(address) or next(reversed(_known_words), "")
    options = (*CLIENT, ("grpc.max_receive_message_length", MAX_DESCRIPTION_BYTES))
    async with peers.channel(address, options) as channel:
        request = pb.DescribeRequest(known_digest=likely)
        try:
            told = await BatchingServiceStub(channel).Describe(
                request, timeout=within_s, wait_for_ready=waits
            )
            if told.digest not in _known_words and not told.tokenizer:
                told = await BatchingServiceStub(channel).Describe(
                    pb.DescribeRequest(), timeout=within_s
                )
        except aio.AioRpcError as error:
            _unavailable(address, error)
    return _remember(address, told)


def _remember(address: str, told: pb.DescribeResponse) -> ModelWords:
    words = _known_words.pop(told.digest, None) or words_from_pb(told)
    _known_words[told.digest] = words
    while len(_known_words) > MAX_KNOWN_WORDS:
        del _known_words[next(iter(_known_words))]
    _digest_at.pop(address, None)
    _digest_at[address] = told.digest
    while len(_digest_at) > MAX_KNOWN_ADDRESSES:
        del _digest_at[next(iter(_digest_at))]
    return words


class RemoteSeat:
    """A seat at a batching actor, held for as long as the stream lasts.

    One task iterates; `submit`, `change` and `rest` may be called from others. Slices are submitted
    one at a time: the next one after the result of the one before.
    """

    def __init__(self, request: SeatRequest, address: str, channel: aio.Channel, call: Any) -> None:
        self.request = request
        self.address = address
        self.batcher_id = ""
        self.load: Load | None = None
        """How busy the batching actor is, as far as it has said."""
        self._channel = channel
        self._call = call
        self._writing = asyncio.Lock()
        self._closing: asyncio.Future[None] | None = None

    @classmethod
    async def take(
        cls,
        address: str,
        *,
        tenant_id: str,
        session_id: str,
        epoch: int,
        strategy: Strategy,
        lane: LaneState,
        profile: LaneProfile,
        traceparent: str = "",
        had_seat: bool = False,
        max_tenant_cells: int = 0,
        weight: float = 1.0,
        within_s: float = SEAT_WITHIN_S,
        peers: Peers = IN_CLEAR,
    ) -> "RemoteSeat":
        """Take a seat; an older epoch's seat is lost by it. Whoever had one before is not refused
        for the load.

        Raises BatcherUnavailable, StaleEpoch, CapacityExceeded (nothing is free), InvalidInput.
        """
        request = SeatRequest(
            *(tenant_id, session_id, epoch, strategy, lane, profile),
            traceparent=traceparent,
            max_tenant_cells=max_tenant_cells,
            weight=weight,
        )
        channel = peers.channel(address, CLIENT)
        seat = cls(request, address, channel, BatchingServiceStub(channel).Sit())
        try:
            async with asyncio.timeout(within_s):
                await seat._sit_down(had_seat)
        except TimeoutError:
            await seat.close()
            raise BatcherUnavailable(
                f"the batching actor at {address} gave no seat within {within_s:g} s"
            ) from None
        except BaseException:
            await asyncio.shield(seat.close())
            raise
        return seat

    async def submit(self, work: Slice) -> None:
        """Ask for a slice; its result comes by iterating. Raises BatcherUnavailable."""
        await self._write(pb.SitRequest(slice=slice_to_pb(work)))

    async def change(self, profile: LaneProfile) -> None:
        """From the next slice on, other ways. Raises BatcherUnavailable."""
        await self._write(pb.SitRequest(profile=profile_to_pb(profile)))

    async def rest(self) -> None:
        """Give up the cells until the next slice. Raises BatcherUnavailable."""
        await self._write(pb.SitRequest(rest=pb.Rest()))

    async def __aiter__(self) -> AsyncIterator[SliceResult | Load]:
        """Results and changes of the load, until `close`.

        Raises BatcherUnavailable when the stream breaks, and what the batching actor says when it
        takes the seat away: StaleEpoch, InvalidInput for what cannot be meant, BatcherUnavailable.
        """
        while (message := await self._read()) is not None:
            match message.WhichOneof("response"):
                case "result":
                    request = self.request
                    result = result_from_pb(message.result, request.session_id, request.epoch)
                    yield replace(result, took_ms=message.took_ms)
                case "load":
                    self.load = load_from_pb(message.load)
                    yield self.load
                case "unseated":
                    raise error_from_pb(message.unseated)
                case _:
                    raise BatcherUnavailable(f"the batching actor at {self.address} makes no sense")

    def close(self) -> asyncio.Future[None]:
        """Give the seat up. Iterating ends; the future, which need not be waited for, is done when
        everything is."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        return self._closing

    async def _sit_down(self, had_seat: bool) -> None:
        request = seat_to_pb(self.request)
        request.take_seat.had_seat = had_seat
        await self._write(request)
        message = await self._read()
        if message is None:
            raise BatcherUnavailable(f"the batching actor at {self.address} hung up")
        if message.WhichOneof("response") == "unseated":
            raise error_from_pb(message.unseated)
        self.batcher_id = message.seated.batcher_id
        self.load = load_from_pb(message.seated.load)

    async def _write(self, message: pb.SitRequest) -> None:
        async with self._writing:
            try:
                await self._call.write(message)
            except (aio.AioRpcError, aio.UsageError, asyncio.InvalidStateError) as error:
                _unavailable(self.address, error)

    async def _read(self) -> pb.SitResponse | None:
        """The next message; None when the seat was closed from this side."""
        try:
            message = await self._call.read()
        except aio.AioRpcError as error:
            if self._closing is not None:
                return None
            _unavailable(self.address, error)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closing is not None and task is not None and not task.cancelling():
                return None  # the call was cancelled, and not this task
            raise
        if message is not aio.EOF:
            found: pb.SitResponse = message
            return found
        if self._closing is None:
            raise BatcherUnavailable(f"the batching actor at {self.address} ended the stream")
        return None

    async def _close(self) -> None:
        """Half-close, so that the other side ends the call; cut it off if it does not."""
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S), self._writing:
                await self._call.done_writing()
                await self._call.code()
        except (TimeoutError, aio.AioRpcError, aio.UsageError, asyncio.InvalidStateError):
            self._call.cancel()
        await self._channel.close()


def _unavailable(address: str, error: Exception) -> NoReturn:
    why = error.details() if isinstance(error, aio.AioRpcError) else str(error)
    raise BatcherUnavailable(f"the batching actor at {address} cannot be reached: {why}") from error
