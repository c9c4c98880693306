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


def speaking(num_asked: dict[str, list[int]], forward_ms: float = 10.0) -> Stage:
    """Sessions that speak have asked for a token in these ticks, and it is time for the next."""
    stage = Stage(gather_ms=1)
    stage.engine.forward_ms = forward_ms
    for name in num_asked:
        stage.take(name, name)
    stage.loop.run_once()
    for name in num_asked:
        stage.engine.lane(name).phase = ReplyPhase.SPEAKING
    last = max(tick for ticks in num_asked.values() for tick in ticks)
    for tick in range(last + 1):
        if tick:
            stage.go_to_tick(tick)
        for name, ticks in num_asked.items():
            if tick in ticks:
                stage.ask(name, name, reply_tokens=1)
        stage.loop.run_once()
        stage.clock.advance(0.1 * TICK_MS)
        stage.run_until_idle()
    return stage


def test_sessions_that_speak_are_waited_for_at_the_start_of_a_tick() -> None:
    stage = speaking({"a": [0, 1], "b": [0, 1]})
    num_forwards, num_rows = stage.engine.num_forwards, stage.engine.num_rows
    stage.go_to_tick(2)
    stage.ask("a", "a", reply_tokens=1)
    stage.loop.run_once()
    assert stage.engine.num_forwards == num_forwards
    assert stage.loop.patience_ms() == 0.1 * TICK_MS
    stage.clock.advance(1)
    stage.ask("b", "b", reply_tokens=1)
    stage.loop.run_once()
    assert stage.engine.num_forwards == num_forwards + 1
    assert stage.engine.num_rows == num_rows + 2


def test_who_asks_every_second_tick_is_waited_for_in_that_one_only() -> None:
    for asked, is_awaited in (([1, 3], True), ([2, 4], False), ([1, 2], False), ([4], False)):
        stage = speaking({"a": [0, 1, 2, 3, 4], "b": asked})
        stage.go_to_tick(5)
        stage.ask("a", "a", reply_tokens=1)
        stage.loop.run_once()
        stage.clock.advance(2)
        assert stage.loop.patience_ms() == (0.1 * TICK_MS - 2 if is_awaited else 0), asked


def test_a_forward_does_not_begin_just_before_those_who_speak_ask_again() -> None:
    stage = speaking({"x": [0, 1]}, forward_ms=30.0)
    stage.take("y", "y")
    stage.loop.run_once()
    stage.clock.advance(TICK_MS * 2 - 9 - stage.clock.now_ms())
    stage.ask("y", "y", reply_tokens=1)
    stage.clock.advance(1)
    num_forwards = stage.engine.num_forwards
    stage.loop.run_once()
    assert stage.engine.num_forwards == num_forwards
    assert stage.loop.patience_ms() == 8
