"""What a client is told."""

from duologue.errors import InvalidInput
from duologue.events import (
    ContextTrimmed,
    Envelope,
    Error,
    InputState,
    Interrupted,
    ResponseDelta,
    ResponseDone,
    ResponsePaused,
    ResponseResumed,
    ResponseStarted,
    ServerEvent,
    SessionClosed,
    ToolCall,
)
from duologue.v1 import events_pb2 as pb
from duologue.wire.enums import END_REASONS, STATE_REASONS, STATES
from duologue.wire.errors import error_event_from_pb, error_event_to_pb
from duologue.wire.fields import missing, whole
from duologue.wire.probabilities import probabilities_from_pb, probabilities_to_pb

_KINDS = tuple(field.name for field in pb.ServerEvent.DESCRIPTOR.oneofs_by_name["event"].fields)


def server_event_to_pb(envelope: Envelope, client_seq: int) -> pb.ServerEvent:
    """`client_seq` is the last client event that the session had taken."""
    message = pb.ServerEvent(
        server_seq=envelope.server_seq,
        tick=envelope.tick,
        epoch=envelope.epoch,
        client_seq=client_seq,
    )
    _put(message, envelope.event)
    return message


def _put(message: pb.ServerEvent, event: ServerEvent) -> None:
    match event:
        case InputState():
            message.input_state.CopyFrom(_input_state_to_pb(event))
        case ResponseStarted(response_id):
            message.response_started.response_id = response_id
        case ResponseDelta(response_id, text):
            message.response_delta.response_id = response_id
            message.response_delta.text = text
        case ResponseDone(response_id, reason):
            message.response_done.response_id = response_id
            message.response_done.reason = END_REASONS.number(reason)
        case Interrupted(response_id, heard_chars):
            message.interrupted.response_id = response_id
            message.interrupted.heard_chars = heard_chars
        case ResponsePaused(response_id):
            message.response_paused.response_id = response_id
        case ResponseResumed(response_id, from_chars):
            message.response_resumed.response_id = response_id
            message.response_resumed.from_chars = from_chars
        case ToolCall(call_id, response_id, name, arguments):
            message.tool_call.CopyFrom(
                pb.ToolCall(
                    call_id=call_id, response_id=response_id, name=name, arguments=arguments
                )
            )
        case ContextTrimmed(dropped_turns):
            message.context_trimmed.dropped_turns = dropped_turns
        case Error():
            message.error.CopyFrom(error_event_to_pb(event))
        case SessionClosed():
            message.session_closed.SetInParent()


def server_event_from_pb(message: pb.ServerEvent) -> Envelope:
    """An event of the session's story; raises InvalidInput for anything else."""
    seq = whole("server_seq", message.server_seq, low=1, high=2**64 - 1)
    return Envelope(seq, message.tick, message.epoch, event_from_pb(message))


def event_from_pb(message: pb.ServerEvent) -> ServerEvent:
    """The event without its number; raises InvalidInput for a notice, or nothing known."""
    kind = message.WhichOneof("event")
    match kind:
        case "input_state":
            return _input_state_from_pb(message.input_state)
        case "response_started":
            return ResponseStarted(message.response_started.response_id)
        case "response_delta":
            return ResponseDelta(message.response_delta.response_id, message.response_delta.text)
        case "response_done":
            done = message.response_done
            reason = END_REASONS.member("response_done.reason", done.reason)
            return ResponseDone(done.response_id, reason)
        case "interrupted":
            return Interrupted(message.interrupted.response_id, message.interrupted.heard_chars)
        case "response_resumed":
            resumed = message.response_resumed
            return ResponseResumed(resumed.response_id, resumed.from_chars)
        case "response_paused":
            return ResponsePaused(message.response_paused.response_id)
        case "tool_call":
            call = message.tool_call
            return ToolCall(call.call_id, call.response_id, call.name, call.arguments)
        case "context_trimmed":
            return ContextTrimmed(message.context_trimmed.dropped_turns)
        case "error":
            return error_event_from_pb(message.error)
        case "session_closed":
            return SessionClosed()
        case None:
            missing("event", _KINDS)
        case _:
            raise InvalidInput(
                f"must be one of the session's own, not a notice: {kind}", field="event"
            )


def _input_state_to_pb(event: InputState) -> pb.InputState:
    return pb.InputState(
        state=STATES.number(event.state),
        probabilities=probabilities_to_pb(event.probabilities),
        text=event.text,
        segment_ids=event.segment_ids,
        look_ahead_tokens=event.look_ahead_tokens,
        reason=STATE_REASONS.number(event.reason),
        is_foreign=event.is_foreign,
    )


def _input_state_from_pb(message: pb.InputState) -> InputState:
    return InputState(
        state=STATES.member("input_state.state", message.state),
        probabilities=probabilities_from_pb("input_state.probabilities", message.probabilities),
        text=message.text,
        segment_ids=tuple(message.segment_ids),
        look_ahead_tokens=message.look_ahead_tokens,
        reason=STATE_REASONS.member("input_state.reason", message.reason),
        is_foreign=message.is_foreign,
    )
