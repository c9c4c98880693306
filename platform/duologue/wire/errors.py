"""Deliberate errors, and the events that tell of them: the kind of an error goes by its code."""

from duologue.errors import DuologueError, InvalidInput, kind_of
from duologue.events import Error
from duologue.v1 import events_pb2 as pb


def error_to_pb(error: DuologueError) -> pb.Error:
    return error_event_to_pb(Error.of(error))


def error_from_pb(message: pb.Error) -> DuologueError:
    """An error of the kind that its code stands for."""
    kind = kind_of(message.code)
    if issubclass(kind, InvalidInput) and message.field:
        return kind(message.message.removeprefix(f"{message.field} "), field=message.field)
    return kind(message.message)


def error_event_to_pb(event: Error) -> pb.Error:
    return pb.Error(code=event.code, message=event.message, field=event.field)


def error_event_from_pb(message: pb.Error) -> Error:
    """Of a code that is not known yet: a fault of the platform's own."""
    return Error(kind_of(message.code).code, message.message, message.field)
