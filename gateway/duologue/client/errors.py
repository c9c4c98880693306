"""What a client can run into, in one small tree.

ClientError                     base; its message is fit to be shown
├── InvalidRequest              `field` cannot be used as sent
├── Unauthenticated             no API key, or not a valid one
├── PermissionDenied            the key may not do this
├── SessionNotFound             no such session, or not with this token
├── SessionOver                 the session is closed, or its events or its model are gone
├── SessionTaken                the session goes on at another connection
├── NotFound                    something else that was named does not exist
├── LimitReached                try again after `retry_after_s`
│   ├── QuotaExceeded           the tenant's share is used up
│   └── NoRoom                  the platform has no room
├── Unreachable                 nobody answers, or not in time
│   └── GaveUp                  a conversation could not be resumed within the limit
├── SendBufferFull              too many events that the session has not yet taken
├── UsedElsewhere               a client belongs to one process and one event loop
├── EventsLost                  a numbered event is missing, and resuming did not bring it
└── ServiceFault                the platform failed in a way of its own
"""

from duologue.errors import DuologueError


class ClientError(DuologueError):
    """Base of what a client raises."""


class InvalidRequest(ClientError):
    """A request cannot be used as it was sent."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field
        """Which field, if the platform says."""


class Unauthenticated(ClientError):
    """There was no API key, or not a valid one."""


class PermissionDenied(ClientError):
    """The API key, or the resume token, does not give this right."""


class SessionNotFound(ClientError):
    """There is no such session for this tenant."""


class SessionOver(ClientError):
    """The session is closed, or what it needs to go on is gone: its events, or its model."""


class SessionTaken(ClientError):
    """Another connection resumed the session, which ends this one."""


class NotFound(ClientError):
    """Something that the request names does not exist."""


class LimitReached(ClientError):
    """A limit was reached; the request was refused and nothing was changed."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        """When it is worth trying again, if the platform says."""


class QuotaExceeded(LimitReached):
    """The tenant's share is used up."""


class NoRoom(LimitReached):
    """The platform has no room at present."""


class Unreachable(ClientError):
    """No gateway answers, or none in time."""


class GaveUp(Unreachable):
    """The connection broke and could not be resumed within the limit; the session is kept."""


class SendBufferFull(ClientError):
    """Too many events were sent that the session has not yet taken."""


class UsedElsewhere(ClientError):
    """A client is used in another event loop, or another process, than the one it belongs to."""


class EventsLost(ClientError):
    """A numbered event is missing, and resuming did not bring it."""


class ServiceFault(ClientError):
    """The platform failed in a way of its own."""
