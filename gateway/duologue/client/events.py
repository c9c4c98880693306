"""What a conversation tells, from the messages that tell it."""

from duologue.told import Told
from duologue.v1 import events_pb2 as pb
from duologue.wire.events import is_notice, notice_from_pb, server_event_from_pb


def told_from_pb(message: pb.ServerEvent) -> Told | None:
    """None for a kind of event that only later versions know; raises InvalidInput for nonsense."""
    if message.WhichOneof("event") is None:
        return None
    return notice_from_pb(message) if is_notice(message) else server_event_from_pb(message)
