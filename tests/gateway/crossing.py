"""Every call of every service, made with whatever credentials, at what is another's."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from duologue.v1 import (
    admin_pb2,
    batching_pb2,
    conversation_pb2,
    node_pb2,
    session_pb2,
)
from tests.gateway.talking import details
from tests.waiting import waiting_for

OURS = (conversation_pb2, admin_pb2)
INSIDE = (node_pb2, session_pb2, batching_pb2)
_OTHER_PACKAGES = ("google.protobuf.",)


def methods(*modules: Any) -> list[MethodDescriptor]:
    """All of the services that these files have."""
    return [
        method
        for module in modules
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    ]


def path_of(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


@dataclass(frozen=True, slots=True)
class Ending:
    """How one call ended."""

    code: grpc.StatusCode
    reason: str
    message: str
    answers: tuple[Message, ...]


async def attempt(
    channel: grpc.aio.Channel, method: MethodDescriptor, request: Message, credential: str | None
) -> Ending:
    """Make a call with one request, and read all that is answered; a conversation is left then."""
    answer_type = message_factory.GetMessageClass(method.output_type)
    metadata = (("authorization", f"Bearer {credential}"),) if credential is not None else ()
    # A stream of one request, which goes with the call: when a call is refused while something is
    # written, gRPC tells of an internal error instead.
    kind = "stream" if method.client_streaming else "unary"
    answers: list[Message] = []
    call = getattr(channel, f"unary_{kind}")(
        path_of(method),
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=answer_type.FromString,
    )(request, metadata=metadata)
    async with waiting_for(f"the end of {path_of(method)}"):
        try:
            if kind == "stream":
                async for answer in call:
                    answers.append(answer)
            else:
                answers.append(await call)
        except grpc.aio.AioRpcError as error:
            told: Any = details(error).get("ErrorInfo")
            reason = "" if told is None else told.reason
            return Ending(error.code(), reason, str(error.details()), tuple(answers))
    return Ending(grpc.StatusCode.OK, "", "", tuple(answers))


def requests_naming(method: MethodDescriptor, named: Mapping[str, str]) -> Iterator[Message]:
    """Requests of a method in which each field that names something names what is given; of a
    message that is one of several kinds, each kind."""
    yield from _filled(method.input_type, named)


def _filled(kind: Descriptor, named: Mapping[str, str]) -> Iterator[Message]:
    choices = [oneof for oneof in kind.oneofs if len(oneof.fields) > 1]
    for choice in choices[0].fields if choices else (None,):
        message = message_factory.GetMessageClass(kind)()
        for field in kind.fields:
            if field.containing_oneof in choices and field is not choice:
                continue
            _fill(message, field, named)
        yield message


def _fill(message: Message, field: FieldDescriptor, named: Mapping[str, str]) -> None:
    if field.is_repeated:
        return
    if field.message_type is not None:
        if not field.message_type.full_name.startswith(_OTHER_PACKAGES):
            inner = getattr(message, field.name)
            inner.CopyFrom(next(_filled(field.message_type, named)))
    elif field.name in named:
        setattr(message, field.name, named[field.name])
