"""A client of the plain stubs: what it wrote, what it was told, how it ended."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from duologue.v1 import conversation_pb2 as pb
from duologue.v1 import events_pb2
from duologue.v1.admin_pb2_grpc import AdminServiceStub
from duologue.v1.conversation_pb2_grpc import ConversationServiceStub
from tests.waiting import waiting_for

Call = grpc.aio.StreamStreamCall[pb.ConverseRequest, pb.ConverseResponse]
Predicate = Callable[[events_pb2.ServerEvent], bool]
Metadata = tuple[tuple[str, str], ...]

START = pb.ConverseRequest(start=pb.SessionStart())


class Api:
    """Both services, with a key."""

    def __init__(self, channel: grpc.aio.Channel, key: str | None, address: str = "") -> None:
        self.channel = channel
        self.address = address
        self.conversations = ConversationServiceStub(channel)
        self.admin = AdminServiceStub(channel)
        self.metadata: Metadata = (("authorization", f"Bearer {key}"),) if key else ()

    def converse(self) -> "Talk":
        return Talk(self.conversations.Converse(metadata=self.metadata))

    async def started(self) -> "Talk":
        """A new conversation that is ready."""
        talk = await self.starting()
        await talk.until_ready()
        return talk

    async def starting(self, config: events_pb2.SessionConfig | None = None) -> "Talk":
        """A new conversation that was only asked for."""
        talk = self.converse()
        start = (
            START if config is None else pb.ConverseRequest(start=pb.SessionStart(config=config))
        )
        await talk.write(start)
        return talk

    async def resumed(self, talk: "Talk", last_server_seq: int | None = None) -> "Talk":
        """Another connection to the session of an earlier one, not yet known to be ready."""
        last = talk.last_server_seq if last_server_seq is None else last_server_seq
        again = Talk(self.conversations.Converse(metadata=self.metadata), last)
        await again.write(resume(talk.session_id, talk.resume_token, last))
        return again


class Talk:
    """One call of Converse."""

    def __init__(self, call: Call, behind_seq: int = 0) -> None:
        self.call = call
        self.behind_seq = behind_seq
        """Of the last event that an earlier call was told."""
        self.told: list[events_pb2.ServerEvent] = []
        self.client_seq = 0

    async def write(self, request: pb.ConverseRequest) -> None:
        """A call that is over already says why when it is read."""
        async with waiting_for("room to write", lambda: self.kinds):
            with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await self.call.write(request)

    async def say(self, text: str, client_seq: int | None = None) -> None:
        self.client_seq = client_seq or self.client_seq + 1
        await self.write(append(self.client_seq, text))

    async def next(self, what: str = "another event") -> events_pb2.ServerEvent | None:
        """The next event, in the hope of `what`; None when the call has ended well."""
        async with waiting_for(what, lambda: self.kinds):
            response = await self.call.read()
        if not isinstance(response, pb.ConverseResponse):
            return None
        self.told.append(response.event)
        return response.event

    async def until(self, is_it: Predicate, what: str) -> events_pb2.ServerEvent:
        """Read on until it comes."""
        while (event := await self.next(what)) is not None:
            if is_it(event):
                return event
        raise AssertionError(f"the call ended without {what}, and with {self.kinds}")

    async def until_kind(self, kind: str) -> events_pb2.ServerEvent:
        """Read on until another event of this kind comes."""
        return await self.until(lambda event: event.WhichOneof("event") == kind, kind)

    async def until_ready(self) -> None:
        await self.until_kind("session_ready")

    async def until_done(self, response_id: int) -> None:
        await self.until(
            lambda event: event.response_done.response_id == response_id,
            f"the end of response {response_id}",
        )

    async def until_text(self, response_id: int) -> None:
        """Until a response has begun to be said."""
        await self.until(
            lambda event: event.response_delta.response_id == response_id,
            f"text of response {response_id}",
        )

    async def until_seq(self, server_seq: int) -> None:
        """Until everything up to this number was told, by this call or by those before it."""
        while self.last_server_seq < server_seq:
            event = await self.next(f"event {server_seq}")
            assert event is not None, f"the call ended at event {self.last_server_seq}"

    async def rest(self) -> None:
        """Read until the call ends, however it does."""
        try:
            while await self.next("the end of the call") is not None:
                pass
        except grpc.aio.AioRpcError:
            pass

    @property
    def ready(self) -> events_pb2.SessionReady:
        return next(e.session_ready for e in self.told if e.HasField("session_ready"))

    @property
    def session_id(self) -> str:
        return self.ready.session_id

    @property
    def resume_token(self) -> str:
        return self.ready.resume_token

    @property
    def numbers(self) -> list[int]:
        """Of the numbered events."""
        return [event.server_seq for event in self.told if event.server_seq]

    @property
    def last_server_seq(self) -> int:
        return max(self.numbers, default=self.behind_seq)

    @property
    def kinds(self) -> list[str]:
        return [str(event.WhichOneof("event")) for event in self.told]

    @property
    def text(self) -> str:
        return "".join(event.response_delta.text for event in self.told)


def append(client_seq: int, text: str) -> pb.ConverseRequest:
    """More text of one segment."""
    said = events_pb2.InputAppend(segment_id="a", text=text)
    return pb.ConverseRequest(
        event=events_pb2.ClientEvent(client_seq=client_seq, input_append=said)
    )


def revise(client_seq: int, text: str) -> pb.ConverseRequest:
    """Another text of one segment."""
    said = events_pb2.InputRevise(segment_id="a", text=text)
    return pb.ConverseRequest(
        event=events_pb2.ClientEvent(client_seq=client_seq, input_revise=said)
    )


def close(client_seq: int) -> pb.ConverseRequest:
    event = events_pb2.ClientEvent(client_seq=client_seq, session_close=events_pb2.SessionClose())
    return pb.ConverseRequest(event=event)


def resume(session_id: str, token: str, last_server_seq: int = 0) -> pb.ConverseRequest:
    return pb.ConverseRequest(
        resume=pb.SessionResume(
            session_id=session_id, resume_token=token, last_server_seq=last_server_seq
        )
    )


def details(error: grpc.aio.AioRpcError) -> dict[str, Message]:
    """The google.rpc details of a failure, by their names."""
    kinds = {
        kind.DESCRIPTOR.full_name: kind
        for kind in (
            error_details_pb2.BadRequest,
            error_details_pb2.ErrorInfo,
            error_details_pb2.QuotaFailure,
            error_details_pb2.ResourceInfo,
            error_details_pb2.RetryInfo,
        )
    }
    found: dict[str, Message] = {}
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin":
            assert isinstance(value, bytes)
            status = status_pb2.Status.FromString(value)
            assert status.code == error.code().value[0]
            for packed in status.details:
                kind = kinds[packed.TypeName()]
                message = kind()
                packed.Unpack(message)
                found[kind.DESCRIPTOR.name] = message
    return found


async def failure(talk: Talk) -> grpc.aio.AioRpcError:
    """Read until the call fails; how it did."""
    try:
        while await talk.next("the failure of the call") is not None:
            pass
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError("the call ended well")


@asynccontextmanager
async def api(address: str, key: str | None) -> AsyncIterator[Api]:
    async with grpc.aio.insecure_channel(address) as channel:
        yield Api(channel, key, address)
