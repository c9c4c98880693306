"""What a client is told about its connection."""

from google.protobuf.duration_pb2 import Duration

from duologue.errors import InvalidInput
from duologue.notices import (
    Backpressure,
    GoAway,
    Notice,
    NoticeEvent,
    Queued,
    QuotaReached,
    SessionMoved,
    SessionReady,
)
from duologue.usage import Usage
from duologue.v1 import events_pb2 as pb


def notice_to_pb(notice: Notice, client_seq: int) -> pb.ServerEvent:
    """A server event with server_seq 0; `client_seq` is the last client event that was taken."""
    message = pb.ServerEvent(tick=notice.tick, epoch=notice.epoch, client_seq=client_seq)
    match notice.event:
        case SessionReady() as ready:
            message.session_ready.CopyFrom(
                pb.SessionReady(
                    session_id=ready.session_id,
                    resume_token=ready.resume_token,
                    tick=_duration(ready.tick_ms),
                    last_client_seq=ready.last_client_seq,
                    last_server_seq=ready.last_server_seq,
                    strategy=ready.strategy,
                )
            )
        case Usage() as usage:
            message.usage.CopyFrom(usage_to_pb(usage))
        case Queued(position):
            message.queued.CopyFrom(pb.Queued(position=position))
        case Backpressure(waiting_events):
            message.backpressure.CopyFrom(pb.Backpressure(waiting_events=waiting_events))
        case QuotaReached(quota, retry_after_ms):
            reached = pb.QuotaReached(quota=quota, retry_after=_duration(retry_after_ms))
            message.quota_reached.CopyFrom(reached)
        case SessionMoved(reason):
            message.session_moved.CopyFrom(pb.SessionMoved(reason=reason))
        case GoAway(time_left_ms):
            message.go_away.CopyFrom(pb.GoAway(time_left=_duration(time_left_ms)))
    return message


def is_notice(message: pb.ServerEvent) -> bool:
    """Whether it is about the connection only."""
    return message.server_seq == 0


def notice_from_pb(message: pb.ServerEvent) -> Notice:
    """Raises InvalidInput for an event of the session's own, or nothing known."""
    return Notice(message.tick, message.epoch, _event(message))


def _event(message: pb.ServerEvent) -> NoticeEvent:
    kind = message.WhichOneof("event")
    match kind:
        case "session_ready":
            ready = message.session_ready
            return SessionReady(
                session_id=ready.session_id,
                resume_token=ready.resume_token,
                tick_ms=ready.tick.ToMilliseconds(),
                last_client_seq=ready.last_client_seq,
                last_server_seq=ready.last_server_seq,
                strategy=ready.strategy,
            )
        case "usage":
            return usage_from_pb(message.usage)
        case "queued":
            return Queued(message.queued.position)
        case "backpressure":
            return Backpressure(message.backpressure.waiting_events)
        case "quota_reached":
            reached = message.quota_reached
            return QuotaReached(reached.quota, reached.retry_after.ToMilliseconds())
        case "session_moved":
            return SessionMoved(message.session_moved.reason)
        case "go_away":
            return GoAway(message.go_away.time_left.ToMilliseconds())
        case _:
            raise InvalidInput(f"must be a notice about the connection, not {kind}", field="event")


def usage_to_pb(usage: Usage) -> pb.Usage:
    return pb.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        slices=usage.slices,
        discarded_tokens=usage.discarded_tokens,
    )


def usage_from_pb(message: pb.Usage) -> Usage:
    return Usage(
        message.input_tokens, message.output_tokens, message.slices, message.discarded_tokens
    )


def _duration(ms: int) -> Duration:
    duration = Duration()
    duration.FromMilliseconds(ms)
    return duration
