"""Checkpoints as bytes."""

import json

from pydantic import TypeAdapter, ValidationError

from duologue.errors import InvalidInput
from duologue.session.chronicle import Checkpoint
from duologue.session.state import SessionState
from duologue.v1 import journal_pb2 as pb
from duologue.wire.fields import parse
from duologue.wire.journal import VERSION, check_version
from duologue.wire.lanes import lane_state_from_pb, lane_state_to_pb
from duologue.wire.server_events import server_event_from_pb, server_event_to_pb

# Made when a process starts: it takes longer than all the rest of opening a session.
_STATES = TypeAdapter(SessionState)


def checkpoint_to_bytes(checkpoint: Checkpoint) -> bytes:
    """A session at one moment; its state as it is."""
    return pb.Checkpoint(
        version=VERSION,
        lane=lane_state_to_pb(checkpoint.lane),
        last_client_seq=checkpoint.last_client_seq,
        recent_events=[
            server_event_to_pb(envelope, client_seq)
            for envelope, client_seq in checkpoint.recent_events
        ],
        session=_STATES.dump_json(checkpoint.state).decode(),
    ).SerializeToString()


def _with_pauses_of_then(session: str) -> str:
    """A session that was begun before slow speakers, and those whose pace nobody knows, were given
    longer keeps the pauses of then."""
    if all(f'"{name}"' in session for name in ("confirm_slow_ms", "confirm_first_word_ms")):
        return session
    try:
        state = json.loads(session)
        floor = state["terms"]["floor"]
        floor.setdefault("confirm_slow_ms", floor["confirm_after_ms"])
        floor.setdefault("confirm_first_word_ms", 0)
    except (ValueError, TypeError, KeyError, AttributeError):
        return session  # which validation refuses with its reason
    return json.dumps(state)


def checkpoint_from_bytes(data: bytes) -> Checkpoint:
    """Raises InvalidInput if it is something else, or of another version."""
    message = pb.Checkpoint()
    parse(message, data, "checkpoint")
    check_version("a checkpoint", message.version)
    try:
        state = _STATES.validate_json(_with_pauses_of_then(message.session))
    except ValidationError as error:
        raise InvalidInput(
            f"must be the JSON of a session's state: {error}", field="session"
        ) from None
    return Checkpoint(
        lane=lane_state_from_pb(message.lane),
        state=state,
        last_client_seq=message.last_client_seq,
        recent_events=tuple(
            (server_event_from_pb(event), event.client_seq) for event in message.recent_events
        ),
    )
