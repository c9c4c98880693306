"""What was written before languages were told apart is read; its sessions go on as they began."""

import json

from duologue.floor_settings import ListeningSettings
from duologue.lane.state import LaneState
from duologue.session.chronicle import Checkpoint
from duologue.v1 import journal_pb2 as pb
from duologue.wire.checkpoints import checkpoint_from_bytes, checkpoint_to_bytes
from tests.unit.session.stage import Stage


def test_a_session_that_began_before_is_judged_by_the_adapter_alone() -> None:
    stage = Stage()
    stage.say("Какая завтра погода")
    stage.tick()
    session = stage.session
    kept = Checkpoint(LaneState.of(session.lane), session.state, 1)
    message = pb.Checkpoint.FromString(checkpoint_to_bytes(kept))
    state = json.loads(message.session)
    del state["terms"]["knows_languages"]
    del state["terms"]["listening"]["foreign"]
    del state["silence"]["was_foreign"]
    message.session = json.dumps(state)
    older = checkpoint_from_bytes(message.SerializeToString()).state
    assert session.state.terms.waits_for_foreign
    assert older.terms.listening == ListeningSettings()
    assert not older.terms.waits_for_foreign
    assert not older.silence.is_foreign("Какая завтра погода", older.terms)
