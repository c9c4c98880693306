"""What a session tells that OpenAI's API has no words for: events of our own."""

from collections.abc import Mapping

from duologue.openai.spoken_response import Event
from duologue.v1 import events_pb2 as pb

_STATES: Mapping[int, str] = {
    pb.STATE_QUERY: "query",
    pb.STATE_NON_QUERY: "non_query",
    pb.STATE_INCOMPLETE: "incomplete",
    pb.STATE_HOLD: "hold",
}
_REASONS: Mapping[int, str] = {
    pb.STATE_REASON_JUDGED: "judged",
    pb.STATE_REASON_ECHO: "echo",
    pb.STATE_REASON_GO_ON: "go_on",
    pb.STATE_REASON_SILENCE: "silence",
    pb.STATE_REASON_LENGTH: "length",
}


def note_of(event: pb.ServerEvent) -> list[Event]:
    """The event of our own that tells of it; none where there is nothing to tell."""
    match event.WhichOneof("event"):
        case "session_ready":
            session_id = event.session_ready.session_id
            return [{"type": "duologue.session_ready", "session_id": session_id}]
        case "input_state":
            return [_state_told(event.input_state)]
        case "context_trimmed":
            dropped = event.context_trimmed.dropped_turns
            return [{"type": "duologue.context_trimmed", "dropped_turns": dropped}]
        case "queued":
            return [{"type": "duologue.queued", "position": event.queued.position}]
        case "session_moved":
            return [{"type": "duologue.session_moved", "reason": event.session_moved.reason}]
        case "go_away":
            left_ms = event.go_away.time_left.ToMilliseconds()
            return [{"type": "duologue.go_away", "time_left_ms": left_ms}]
        case "error":
            return [_error_told(event.error)]
        case _:
            return []


def _state_told(state: pb.InputState) -> Event:
    return {
        "type": "duologue.input_state",
        "state": _STATES.get(state.state, "unknown"),
        "probabilities": {
            _STATES.get(each.state, "unknown"): each.probability for each in state.probabilities
        },
        "text": state.text,
        "segment_ids": list(state.segment_ids),
        "look_ahead_tokens": state.look_ahead_tokens,
        "reason": _REASONS.get(state.reason, "unknown"),
        "is_foreign": state.is_foreign,
    }


def _error_told(error: pb.Error) -> Event:
    """An event that the session could not follow; it does not say which."""
    is_theirs = error.code.startswith("invalid")
    kind = "invalid_request_error" if is_theirs else "server_error"
    told = {"type": kind, "code": error.code, "message": error.message}
    return {"type": "error", "error": {**told, "param": error.field or None, "event_id": None}}
