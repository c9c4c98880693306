"""What a client says."""

from duologue.events import (
    AssistantSaid,
    ClientEvent,
    ContextAppend,
    InputAppend,
    InputCommit,
    InputRevise,
    PlaybackAck,
    ResponseCancel,
    ResponseCreate,
    SessionClose,
    SessionUpdate,
    ToolResult,
)
from duologue.text.segment_names import MAX_SEGMENT_ID_CHARS
from duologue.v1 import events_pb2 as pb
from duologue.wire.fields import UINT64, missing, name, unicode, whole
from duologue.wire.sessions import config_from_pb, config_to_pb

_KINDS = tuple(field.name for field in pb.ClientEvent.DESCRIPTOR.oneofs_by_name["event"].fields)


def client_event_to_pb(client_seq: int, event: ClientEvent) -> pb.ClientEvent:
    """Raises InvalidInput naming the field that cannot be sent."""
    message = pb.ClientEvent(client_seq=_seq(client_seq))
    match event:
        case InputAppend(segment_id, text, is_final):
            text = unicode("input_append.text", text)
            segment_id = _segment("input_append", segment_id)
            append = pb.InputAppend(segment_id=segment_id, text=text, is_final=is_final)
            message.input_append.CopyFrom(append)
        case InputRevise(segment_id, text, is_final):
            text = unicode("input_revise.text", text)
            segment_id = _segment("input_revise", segment_id)
            revise = pb.InputRevise(segment_id=segment_id, text=text, is_final=is_final)
            message.input_revise.CopyFrom(revise)
        case InputCommit():
            message.input_commit.SetInParent()
        case PlaybackAck(response_id, heard_chars):
            response_id = _response("playback_ack", response_id)
            heard_chars = whole("playback_ack.heard_chars", heard_chars)
            ack = pb.PlaybackAck(response_id=response_id, heard_chars=heard_chars)
            message.playback_ack.CopyFrom(ack)
        case ResponseCancel(None):
            message.response_cancel.SetInParent()
        case ResponseCancel(int() as response_id):
            message.response_cancel.response_id = _response("response_cancel", response_id)
        case AssistantSaid():
            message.assistant_said.CopyFrom(_said_to_pb(event))
        case ContextAppend(role, text):
            text = unicode("context_append.text", text)
            message.context_append.CopyFrom(pb.ContextAppend(role=role, text=text))
        case ResponseCreate(instructions, text):
            instructions = unicode("response_create.instructions", instructions)
            text = unicode("response_create.text", text)
            create = pb.ResponseCreate(instructions=instructions, text=text)
            message.response_create.CopyFrom(create)
        case ToolResult(call_id, output, is_silent):
            output = unicode("tool_result.output", output)
            result = pb.ToolResult(call_id=_call(call_id), output=output, is_silent=is_silent)
            message.tool_result.CopyFrom(result)
        case SessionUpdate(config):
            message.session_update.config.CopyFrom(config_to_pb(config))
        case SessionClose():
            message.session_close.SetInParent()
    return message


def client_event_from_pb(message: pb.ClientEvent) -> tuple[int, ClientEvent]:
    """The event with its client_seq. Raises InvalidInput naming the field and what is allowed."""
    return _seq(message.client_seq), _event(message)


def _event(message: pb.ClientEvent) -> ClientEvent:
    match message.WhichOneof("event"):
        case "input_append":
            append = message.input_append
            text = unicode("input_append.text", append.text)
            return InputAppend(_segment("input_append", append.segment_id), text, append.is_final)
        case "input_revise":
            revise = message.input_revise
            text = unicode("input_revise.text", revise.text)
            return InputRevise(_segment("input_revise", revise.segment_id), text, revise.is_final)
        case "input_commit":
            return InputCommit()
        case "playback_ack":
            ack = message.playback_ack
            return PlaybackAck(_response("playback_ack", ack.response_id), ack.heard_chars)
        case "response_cancel":
            return _cancel(message.response_cancel)
        case "assistant_said":
            return _said_from_pb(message.assistant_said)
        case "context_append":
            text = unicode("context_append.text", message.context_append.text)
            return ContextAppend(message.context_append.role, text)
        case "response_create":
            create = message.response_create
            instructions = unicode("response_create.instructions", create.instructions)
            return ResponseCreate(instructions, unicode("response_create.text", create.text))
        case "tool_result":
            result = message.tool_result
            output = unicode("tool_result.output", result.output)
            return ToolResult(_call(result.call_id), output, result.is_silent)
        case "session_update":
            return SessionUpdate(config_from_pb(message.session_update.config))
        case "session_close":
            return SessionClose()
        case None:
            missing("event", _KINDS)


def _said_to_pb(event: AssistantSaid) -> pb.AssistantSaid:
    text = unicode("assistant_said.text", event.text)
    said = pb.AssistantSaid(text=text, is_end=event.is_end)
    if event.response_id is not None:
        said.response_id = _response("assistant_said", event.response_id)
    if event.heard_chars is not None:
        said.heard_chars = whole("assistant_said.heard_chars", event.heard_chars)
    return said


def _said_from_pb(said: pb.AssistantSaid) -> AssistantSaid:
    has_id, has_heard = said.HasField("response_id"), said.HasField("heard_chars")
    return AssistantSaid(
        text=unicode("assistant_said.text", said.text),
        response_id=_response("assistant_said", said.response_id) if has_id else None,
        is_end=said.is_end,
        heard_chars=said.heard_chars if has_heard else None,
    )


def _cancel(message: pb.ResponseCancel) -> ResponseCancel:
    if not message.HasField("response_id"):
        return ResponseCancel()
    return ResponseCancel(_response("response_cancel", message.response_id))


def _seq(client_seq: int) -> int:
    return whole("client_seq", client_seq, low=1, high=UINT64)


def _segment(event: str, segment_id: str) -> str:
    return name(f"{event}.segment_id", segment_id, max_chars=MAX_SEGMENT_ID_CHARS)


def _call(call_id: str) -> str:
    return name("tool_result.call_id", call_id)


def _response(event: str, response_id: int) -> int:
    return whole(f"{event}.response_id", response_id, low=1)
