"""Events of a conversation: the two directions in one place."""

from duologue.wire.client_events import client_event_from_pb, client_event_to_pb
from duologue.wire.notices import is_notice, notice_from_pb, notice_to_pb
from duologue.wire.server_events import event_from_pb, server_event_from_pb, server_event_to_pb

__all__ = [
    "client_event_from_pb",
    "client_event_to_pb",
    "event_from_pb",
    "is_notice",
    "notice_from_pb",
    "notice_to_pb",
    "server_event_from_pb",
    "server_event_to_pb",
]
