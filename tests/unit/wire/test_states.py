"""A session's whole state, at any moment of a conversation, comes out of its bytes as it was."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings

from duologue.events import AssistantSaid, SessionClose
from duologue.lane.phase import ReplyPhase
from duologue.lane.state import LaneState
from duologue.session.chronicle import Checkpoint
from duologue.session.response import PauseReason
from duologue.session.state import SessionState
from duologue.states import State
from duologue.wire.checkpoints import checkpoint_from_bytes, checkpoint_to_bytes
from tests.unit.session.schedules import Action, Deed, actions, play, settings_of_sessions
from tests.unit.session.stage import CONFIRMED, Setting, Stage
from tests.unit.session.test_properties import decodings, strategies

LONG = Setting(replies=("one two three four five six seven eight nine ten " * 4,), floor=CONFIRMED)


def again(stage: Stage) -> SessionState:
    """The state, as a checkpoint brings it back; the lane must be its own too."""
    lane, state = LaneState.of(stage.session.lane), stage.session.state
    kept = Checkpoint(lane, state, 3, tuple((envelope, 2) for envelope in stage.envelopes))
    data = checkpoint_to_bytes(kept)
    restored = checkpoint_from_bytes(data)
    assert restored == kept
    assert restored.state is not state
    assert checkpoint_to_bytes(restored) == data
    return restored.state


def scene(**options: Any) -> Stage:
    return Stage(LONG, continues_within_ms=800, **options)


def beginning() -> Stage:
    return scene()


def listening() -> Stage:
    stage = scene()
    stage.say("well, I was")
    stage.say(" thinking [noise]", "b", is_final=True)
    return stage


def judged() -> Stage:
    stage = listening()
    stage.tick()
    return stage


def flying() -> Stage:
    stage = listening()
    stage.commit()
    stage.depart()
    return stage


def held() -> Stage:
    stage = scene()
    stage.say("tell me?")
    stage.tick()
    return stage


def speaking() -> Stage:
    stage = held()
    stage.tick(4)
    return stage


def reported() -> Stage:
    stage = speaking()
    stage.ack(1, 3)
    return stage


def interrupted() -> Stage:
    """The next query waits for its confirmation, and the reply for what becomes of it."""
    stage = reported()
    stage.say("and why?", "b")
    stage.tick()
    return stage


def amended() -> Stage:
    stage = interrupted()
    stage.ack(1, 7)
    return stage


def reopening() -> Stage:
    stage = interrupted()
    stage.say(" or not", "b")
    return stage


def hushed() -> Stage:
    stage = speaking()
    stage.say("hush", "b")
    stage.tick()
    return stage


def long_utterance() -> Stage:
    stage = scene()
    stage.session.state.utterance.max_chars = 10
    stage.say("one two three four five six seven?")
    return stage


def broken() -> Stage:
    """A reply that ends in the midst of a character, and might in a stop string."""
    lone = Setting(replies=([0xF0, 0x9F, 0x99],), stop_strings=("###",))
    stage = Stage(lone)
    stage.say("tell me?")
    stage.tick()
    return stage


def unheard() -> Stage:
    """A reply is generated and shown whole, and the user is not through with it."""
    stage = Stage(Setting())
    stage.say("tell me?")
    stage.tick()
    stage.ack(1, 1)
    stage.tick(2)
    return stage


def interleaved() -> Stage:
    """Time division: what the user says stands in the midst of the reply."""
    stage = Stage(Setting(LONG.replies), strategy="tdm", reply_tokens_per_slice=1)
    stage.say("tell me?")
    stage.tick(2)
    stage.say("well", "b")
    stage.tick()
    return stage


def starved() -> Stage:
    """The same, and there was no room to hear it in: the reply stands still."""
    stage = Stage(Setting(LONG.replies), strategy="tdm", reply_tokens_per_slice=1)
    stage.say("tell me?")
    stage.tick(2)
    stage.engine.fails_after_forwards = 0
    stage.say("well", "b")
    stage.tick()
    return stage


def told() -> Stage:
    """A caller is in the midst of its answer, and has begun another one."""
    stage = Stage(Setting(), strategy="listen")
    stage.say("tell me?")
    stage.tick()
    stage.send(AssistantSaid("Well, that is", 1, heard_chars=4))
    stage.send(AssistantSaid("Once upon", 2))
    return stage


def done() -> Stage:
    stage = scene()
    stage.say("tell me?")
    stage.settle()
    return stage


def closed() -> Stage:
    stage = speaking()
    stage.send(SessionClose())
    return stage


def _response_pause(stage: Stage) -> PauseReason | None:
    return stage.session.response.pause if stage.session.response is not None else None


PHASES: dict[Callable[[], Stage], Callable[[Stage], bool]] = {
    beginning: lambda stage: stage.session.state.num_events == 0,
    listening: lambda stage: len(stage.session.state.utterance.segments) == 2,
    judged: lambda stage: State.QUERY in stage.session.state.silence.probabilities,
    flying: lambda stage: stage.session.is_busy and stage.session.state.is_judging,
    held: lambda stage: not stage.session.state.num_responses and stage.session.lane.is_speaking,
    speaking: lambda stage: stage.session.state.num_responses == 1,
    reported: lambda stage: stage.session.state.terms.reports_playback is True,
    interrupted: lambda stage: (
        stage.session.state.cut is not None and stage.session.lane.aside is not None
    ),
    amended: lambda stage: stage.session.state.amends,
    reopening: lambda stage: stage.session.state.reopening is not None,
    hushed: lambda stage: _response_pause(stage) is PauseReason.HOLD,
    long_utterance: lambda stage: len(stage.session.state.utterance.parts) > 2,
    broken: lambda stage: stage.session.response is not None and stage.session.response.text == "",
    unheard: lambda stage: stage.session.lane.phase is ReplyPhase.FINISHED,
    interleaved: lambda stage: stage.session.lane.num_reply_in_trunk > 0,
    starved: lambda stage: stage.session.lane.phase is ReplyPhase.PAUSED,
    told: lambda stage: [reply.text for reply in stage.session.state.waiting] == ["Once upon"],
    done: lambda stage: stage.session.response is not None and stage.session.response.is_done,
    closed: lambda stage: stage.session.is_closed,
}


@pytest.mark.parametrize("play_it", PHASES)
def test_every_phase(play_it: Callable[[], Stage]) -> None:
    stage = play_it()
    assert PHASES[play_it](stage), "the scene is not what it is meant to be"
    assert again(stage) == stage.session.state


@settings(max_examples=40)
@given(actions(*Deed), settings_of_sessions, decodings, strategies)
def test_any_moment(
    schedule: list[Action], setting: Setting, decoding: dict[str, Any], strategy: str
) -> None:
    stage = play(schedule, setting, finishes=False, strategy=strategy, **decoding).stage
    assert again(stage) == stage.session.state


def test_the_scenes_show_a_lane_in_all_its_phases() -> None:
    assert {play_it().session.lane.phase for play_it in PHASES} >= set(ReplyPhase)
