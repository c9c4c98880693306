"""What fails in one session alone, and in a way that nobody foresaw, stays with that session."""

import pytest

from duologue.batching.messages import Change, GiveCells, Seated, StreamEnded, Unseated
from duologue.batching.observer import LoopObserver
from duologue.batching.roster import Sitting
from duologue.lane.slices import SliceBroken, SliceResult
from tests.json_log import json_log
from tests.unit.batching.stage import PROFILE, Stage

FAULT = RuntimeError("a fault of one session")


def _both(max_sessions: int = 4) -> Stage:
    """Of "ill" at stream "a" everything fails that is said to fail; "well" is at stream "b"."""
    stage = Stage(max_sessions=max_sessions)
    stage.take("a", "ill")
    stage.take("b", "well")
    stage.loop.run_once()
    return stage


def _check_well(stage: Stage) -> None:
    """The other one did not notice, and the actor goes on."""
    stage.run_until_idle()
    stage.ask("b", "well", reply_tokens=1)
    stage.run_until_idle()
    results = [answer for answer in stage.answers("b") if not isinstance(answer, Seated)]
    assert results
    assert all(isinstance(each, SliceResult) and each.error is None for each in results)
    assert stage.loop.forward_health.is_healthy(stage.clock.now_ms())


def _check_lost(stage: Stage, stream: str) -> None:
    last = stage.last(stream)
    assert isinstance(last, Unseated)
    assert "a fault of one session" in str(last.error)


@pytest.mark.parametrize(
    ("method", "command"),
    [("change", Change("a", PROFILE)), ("rest", GiveCells("a"))],
)
def test_of_a_command(method: str, command: Change | GiveCells) -> None:
    stage = _both()
    stage.engine.faults[method, "ill"] = FAULT
    stage.ask("b", "well", reply_tokens=3)
    stage.loop.post(command)
    _check_well(stage)
    _check_lost(stage, "a")


def test_of_leaving() -> None:
    stage = _both(max_sessions=2)
    stage.engine.faults["close", "ill"] = FAULT
    stage.ask("b", "well", reply_tokens=3)
    stage.loop.post(StreamEnded("a"))
    _check_well(stage)
    stage.take("c", "next")
    stage.loop.run_once()
    assert isinstance(stage.last("c"), Seated), "the place is free"


def test_of_a_seat_taken_anew() -> None:
    stage = _both()
    stage.engine.faults["open", "ill"] = FAULT
    stage.ask("b", "well", reply_tokens=3)
    stage.take("c", "ill", epoch=2)
    _check_well(stage)
    _check_lost(stage, "c")
    assert isinstance(stage.last("a"), Unseated), "its seat is gone, and it knows"


def test_of_a_slice_takes_back_that_slice() -> None:
    stage = _both()
    stage.engine.broken["ill"] = SliceBroken(str(FAULT))
    stage.ask("a", "ill")
    stage.ask("b", "well")
    _check_well(stage)
    last = stage.last("a")
    assert isinstance(last, SliceResult)
    assert "a fault of one session" in str(last.error)
    del stage.engine.broken["ill"]
    stage.ask("a", "ill")
    stage.run_until_idle()
    last = stage.last("a")
    assert isinstance(last, SliceResult)
    assert last.error is None


@pytest.mark.parametrize("method", ["open", "close"])
def test_of_a_lane_that_cannot_be_put_back_costs_that_seat(method: str) -> None:
    stage = _both()
    stage.engine.broken["ill"] = SliceBroken(str(FAULT))
    stage.engine.faults[method, "ill"] = FAULT
    stage.ask("a", "ill")
    stage.ask("b", "well")
    _check_well(stage)
    _check_lost(stage, "a")


def test_of_cells_that_are_reclaimed() -> None:
    stage = _both()
    stage.ask("a", "ill", reply_tokens=1)
    stage.run_until_idle()
    stage.engine.faults["rest", "ill"] = FAULT
    stage.engine.runs_out_of_memory = True
    stage.ask("b", "well", reply_tokens=1)
    stage.run_until_idle()
    assert stage.engine.rested == ["ill"]
    last = stage.last("b")
    assert isinstance(last, SliceResult)
    assert last.error is not None


def test_of_who_looks_on() -> None:
    class Blind(LoopObserver):
        def slice_over(self, sitting: Sitting, result: SliceResult, now_ms: float) -> None:
            if sitting.session_id == "ill":
                raise FAULT

    stage = Stage(observer=Blind())
    stage.take("a", "ill")
    stage.take("b", "well")
    stage.ask("a", "ill", reply_tokens=1)
    stage.ask("b", "well", reply_tokens=1)
    _check_well(stage)
    last = stage.last("a")
    assert isinstance(last, SliceResult)
    assert last.error is None


def test_the_log_says_whose_fault_it_was() -> None:
    stage = _both()
    stage.engine.faults["change", "ill"] = FAULT
    stage.loop.post(Change("a", PROFILE))
    with json_log() as log:
        _check_well(stage)
    entry = log.entry("a session's command failed")
    assert entry["session_id"] == "ill"
    assert entry["exception"].endswith("a fault of one session")
