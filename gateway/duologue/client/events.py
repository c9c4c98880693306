"""What a conversation tells: the session's own events, and those about the connection.

The session's events are those of `duologue.events`, each in an `Envelope` with its number; those
about the connection are in `duologue.notices`. One more is the client's own: `ConnectionLost`.
"""

from dataclasses import dataclass

from duologue.events import Envelope, ServerEvent
from duologue.notices import Notice, NoticeEvent
from duologue.v1 import events_pb2 as pb
from duologue.wire.events import is_notice, notice_from_pb, server_event_from_pb


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """The connection ended before the session did, and the client now tries to resume."""

    reason: str


Event = ServerEvent | NoticeEvent | ConnectionLost
"""What `async for event in conversation` gives."""

Told = Envelope | Notice | ConnectionLost
"""The same with its place: `Conversation.told()` gives these."""


def event_of(told: Told) -> Event:
    """What happened, without its place."""
    return told if isinstance(told, ConnectionLost) else told.event


def told_from_pb(message: pb.ServerEvent) -> Told | None:
    """None for a kind of event that only later versions know; raises InvalidInput for nonsense."""
    if message.WhichOneof("event") is None:
        return None
    return notice_from_pb(message) if is_notice(message) else server_event_from_pb(message)
