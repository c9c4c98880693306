"""The loop, moved by hand: forwards that wait for company."""

from duologue.lane.phase import ReplyPhase
from tests.unit.batching.stage import TICK_MS, Stage


def test_the_first_slice_waits_for_others_but_not_longer_than_it_is_told() -> None:
    stage = Stage(gather_ms=5)
    stage.take("a", "x")
    stage.take("b", "y")
    stage.ask("a", "x", reply_tokens=1)
    stage.loop.run_once()
    assert stage.engine.num_forwards == 0
    assert stage.loop.patience_ms() == 5
    stage.clock.advance(3)
    stage.ask("b", "y", reply_tokens=1)
    stage.loop.run_once()
    assert stage.loop.patience_ms() == 2
    stage.clock.advance(2)
    stage.loop.run_once()
    assert stage.engine.num_forwards == 1
    assert stage.engine.num_rows == 2


def test_sessions_that_speak_are_waited_for_at_the_start_of_a_tick() -> None:
    stage = Stage(gather_ms=1)
    for stream, session_id in (("a", "x"), ("b", "y")):
        stage.take(stream, session_id)
        stage.loop.run_once()
        stage.engine.lane(session_id).phase = ReplyPhase.SPEAKING
        stage.ask(stream, session_id, reply_tokens=1)
    stage.loop.run_once()
    stage.clock.advance(1)
    stage.loop.run_once()
    assert stage.engine.num_forwards == 1
    stage.go_to_tick(stage.tick + 1)
    stage.ask("a", "x", reply_tokens=1)
    stage.loop.run_once()
    assert stage.engine.num_forwards == 1
    assert stage.loop.patience_ms() == 0.1 * TICK_MS
    stage.clock.advance(1)
    stage.ask("b", "y", reply_tokens=1)
    stage.loop.run_once()
    assert stage.engine.num_forwards == 2
    assert stage.engine.num_rows == 4


def test_a_forward_does_not_begin_just_before_those_who_speak_ask_again() -> None:
    stage = Stage(gather_ms=1)
    stage.engine.forward_ms = 30.0
    for stream, session_id in (("a", "x"), ("b", "y")):
        stage.take(stream, session_id)
    stage.ask("a", "x", reply_tokens=1)
    stage.loop.run_once()
    stage.engine.lane("x").phase = ReplyPhase.SPEAKING
    stage.clock.advance(1)
    stage.loop.run_once()
    stage.clock.advance(60)  # 91 ms of the 100 are over
    stage.ask("b", "y", reply_tokens=1)
    stage.clock.advance(1)
    stage.loop.run_once()
    assert stage.engine.num_forwards == 1
    assert stage.loop.patience_ms() == 8
