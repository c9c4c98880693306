"""How sessions leave: who goes when, and who is seated no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.batching.draining import MAX_AT_ONCE, SPEAKING_FROM, Drain
from duologue.batching.messages import Dismiss, Seated, Unseated
from duologue.errors import BatcherUnavailable, CapacityExceeded
from duologue.lane.slices import SliceResult
from tests.unit.batching.stage import Stage


@given(st.floats(0, 2), st.integers(0, 100), st.integers(0, 100))
def test_a_few_go_at_a_time_and_only_where_there_is_room(
    share: float, num_seated: int, room: int
) -> None:
    drain = Drain(began_ms=5_000.0, within_ms=10_000.0)
    now_ms = 5_000.0 + share * 10_000.0
    assert drain.is_over(now_ms, num_seated) == (num_seated == 0 or share >= 1)
    step = drain.step(now_ms, num_seated, room)
    if step is None:
        assert not min(num_seated, room)
    else:
        assert 0 < step.num_sessions <= min(num_seated, room, MAX_AT_ONCE)
        assert step.also_speaking == (share >= SPEAKING_FROM)


def test_who_is_sent_away_is_told_and_the_others_stay() -> None:
    stage = Stage()
    for name in "abc":
        stage.take(name, name)
    stage.loop.run_once()
    stage.loop.post(Dismiss(2, also_speaking=False))
    stage.loop.run_once()
    gone = [name for name in "abc" if isinstance(stage.last(name), Unseated)]
    assert gone == ["a", "b"]
    told = stage.last("a")
    assert isinstance(told, Unseated)
    assert isinstance(told.error, BatcherUnavailable)  # a seat may be sought elsewhere
    stage.ask("c", "c", reply_tokens=1)
    stage.run_until_idle()
    assert stage.answers("c", SliceResult)


def test_nobody_is_sent_away_in_the_middle_of_a_slice() -> None:
    stage = Stage()
    stage.take("a")
    stage.ask("a", reply_tokens=3)
    stage.loop.run_once()
    stage.loop.post(Dismiss(1, also_speaking=True))
    stage.run_until_idle()
    assert isinstance(stage.last("a"), SliceResult)
    stage.loop.post(Dismiss(1, also_speaking=True))
    stage.loop.run_once()
    assert isinstance(stage.last("a"), Unseated)


@pytest.mark.parametrize("is_drained", [False, True])
def test_one_that_is_drained_seats_nobody_but_who_sits_there_already(is_drained: bool) -> None:
    stage = Stage()
    stage.take("a", "x")
    stage.loop.run_once()
    if is_drained:
        stage.loop.drain()
    stage.take("b", "y")
    stage.take("c", "x", epoch=2)  # the same session with a new owner
    stage.loop.run_once()
    refused = stage.last("b")
    assert isinstance(refused, Unseated) == is_drained
    assert not is_drained or isinstance(refused.error, CapacityExceeded)  # type: ignore[union-attr]
    assert isinstance(stage.last("c"), Seated)
