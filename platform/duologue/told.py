"""What a conversation tells: the session's own events, and those about the connection.

The session's events are those of `duologue.events`, each in an `Envelope` with its number; those
about the connection are in `duologue.notices`. One more is the client's own: `ConnectionLost`.
"""

from dataclasses import dataclass

from duologue.events import Envelope, ServerEvent
from duologue.notices import Notice, NoticeEvent


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
