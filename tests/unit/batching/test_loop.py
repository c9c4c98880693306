"""The loop, moved by hand: what sessions are answered, and when."""

from dataclasses import replace

import pytest

from duologue.batching.load_plan import CALM_TICKS, Load, LoadPlan
from duologue.batching.messages import Change, GiveCells, Seated, Unseated
from duologue.batching.observer import LoopObserver
from duologue.batching.roster import Sitting
from duologue.batching.tick_account import TickRecord
from duologue.cluster_status import Shedding
from duologue.errors import (
    BatcherUnavailable,
    CapacityExceeded,
    DuologueError,
    InvalidInput,
    StaleEpoch,
)
from duologue.lane.slices import SliceResult
from tests.unit.batching.stage import MAX_POSITIONS, PROFILE, TICK_MS, Stage


def results(stage: Stage, stream: str) -> list[SliceResult]:
    return [a for a in stage.answers(stream) if isinstance(a, SliceResult)]


def told(stage: Stage) -> Shedding:
    return stage.loop.status.load.shedding


def failure(stage: Stage) -> str | None:
    return stage.loop.forward_health.failure


def refused(stage: Stage, stream: str) -> DuologueError:
    last = stage.last(stream)
    assert isinstance(last, Unseated)
    return last.error


def test_a_seat_is_taken_and_a_slice_is_answered_after_its_last_forward() -> None:
    stage = Stage()
    stage.take("a")
    stage.ask("a", reply_tokens=3)
    stage.loop.run_once()
    assert stage.answers("a") == [Seated(Load(Shedding.NONE, 1))]
    stage.loop.run_once()
    assert not results(stage, "a")
    stage.loop.run_once()
    assert results(stage, "a") == [SliceResult("s", 1, 0, steps=())]
    assert stage.engine.num_forwards == 3
    assert not stage.engine.has_work


def test_a_late_slice_joins_the_next_forward_and_each_is_answered_when_it_is_done() -> None:
    stage = Stage()
    stage.take("a", "x")
    stage.take("b", "y")
    stage.ask("a", "x", reply_tokens=3)
    stage.loop.run_once()
    stage.ask("b", "y", reply_tokens=1)
    stage.loop.run_once()
    assert results(stage, "b")
    assert not results(stage, "a")
    assert stage.engine.num_rows == 1 + 2
    stage.loop.run_once()
    assert results(stage, "a")
    assert stage.engine.num_forwards == 3


def test_results_of_one_forward_are_delivered_together() -> None:
    stage = Stage()
    for stream, session_id in (("a", "x"), ("b", "y")):
        stage.take(stream, session_id)
        stage.ask(stream, session_id, reply_tokens=1)
    stage.loop.run_once()
    assert [stream for stream, _ in stage.deliveries[-1]] == ["a", "b"]


def test_what_waits_in_the_inbox_counts_for_the_deadline() -> None:
    stage = Stage()
    stage.take("a")
    stage.ask("a", reply_tokens=1)
    stage.clock.advance(TICK_MS)
    stage.run_until_idle()
    stage.go_to_tick(2)
    assert stage.loop.status.num_late_ticks == 1


def test_a_newer_epoch_takes_the_seat_over_and_the_older_ones_result_is_dropped() -> None:
    stage = Stage()
    stage.take("old", epoch=3)
    stage.ask("old", epoch=3)
    stage.loop.run_once()
    stage.take("new", epoch=4)
    stage.ask("new", epoch=4)
    stage.run_until_idle()
    assert isinstance(refused(stage, "old"), StaleEpoch)
    assert not results(stage, "old")
    assert results(stage, "new") == [SliceResult("s", 4, 0, steps=())]
    # What the older one still says is not heard.
    count = len(stage.answers("old"))
    stage.ask("old", epoch=3)
    stage.leave("old")
    stage.run_until_idle()
    assert len(stage.answers("old")) == count
    assert len(stage.answers("new")) == 2


def test_an_older_epoch_is_refused_also_after_the_newer_one_has_left() -> None:
    stage = Stage()
    stage.take("new", epoch=4)
    stage.take("old", epoch=3)
    stage.loop.run_once()
    assert isinstance(refused(stage, "old"), StaleEpoch)
    assert isinstance(stage.last("new"), Seated)
    stage.leave("new")
    stage.take("old again", epoch=3)
    stage.loop.run_once()
    assert isinstance(refused(stage, "old again"), StaleEpoch)


def test_the_same_owner_may_come_back_on_another_stream() -> None:
    stage = Stage(max_sessions=1)
    stage.take("first", epoch=2)
    stage.take("second", epoch=2)
    stage.loop.run_once()
    assert isinstance(refused(stage, "first"), StaleEpoch)
    assert isinstance(stage.last("second"), Seated)


def test_a_stream_that_ends_frees_its_seat_and_drops_its_slice() -> None:
    stage = Stage(max_sessions=1)
    stage.take("a", "x")
    stage.ask("a", "x")
    stage.loop.run_once()
    stage.leave("a")
    stage.loop.run_once()
    assert not stage.engine.has_work
    assert not results(stage, "a")
    stage.take("b", "y")
    stage.loop.run_once()
    assert isinstance(stage.last("b"), Seated)


def test_a_full_house_refuses_new_sessions_but_not_one_that_sits_here() -> None:
    stage = Stage(max_sessions=1)
    stage.take("a", "x", 1)
    stage.take("b", "y", 1)
    stage.take("c", "x", 2)
    stage.loop.run_once()
    assert isinstance(refused(stage, "b"), CapacityExceeded)
    assert isinstance(stage.last("c"), Seated)


@pytest.mark.parametrize("trunk", [(1, 50), (-1,), tuple([1] * (MAX_POSITIONS + 1))])
def test_a_lane_that_the_model_cannot_have_is_refused(trunk: tuple[int, ...]) -> None:
    stage = Stage()
    stage.take("a", trunk=trunk)
    stage.loop.run_once()
    assert isinstance(refused(stage, "a"), InvalidInput)
    stage.take("b")
    stage.loop.run_once()
    assert isinstance(stage.last("b"), Seated)


def test_a_profile_beyond_the_model_is_refused_at_any_time() -> None:
    stage = Stage()
    stage.take("a", "x", profile=replace(PROFILE, context_limit_tokens=MAX_POSITIONS + 1))
    stage.take("b", "y")
    stage.loop.post(Change("b", replace(PROFILE, idle_token=1_000)))
    stage.loop.run_once()
    assert "profile.context_limit_tokens" in str(refused(stage, "a"))
    assert "profile.idle_token" in str(refused(stage, "b"))


@pytest.mark.parametrize(
    ("reply", "ahead", "field"),
    [(65, 0, "slice.reply_tokens"), (4, 65, "slice.look_ahead_tokens"), (-1, 0, "reply_tokens")],
)
def test_a_slice_that_cannot_be_meant_is_answered_and_the_seat_stays(
    reply: int, ahead: int, field: str
) -> None:
    stage = Stage()
    stage.take("a")
    stage.ask("a", reply_tokens=reply, look_ahead_tokens=ahead)
    stage.run_until_idle()
    (result,) = results(stage, "a")
    assert isinstance(result.error, InvalidInput)
    assert field in str(result.error)
    stage.ask("a")
    stage.run_until_idle()
    assert results(stage, "a")[-1].error is None


def test_a_second_slice_before_the_firsts_result_costs_the_seat() -> None:
    stage = Stage()
    stage.take("a")
    stage.ask("a")
    stage.ask("a")
    stage.run_until_idle()
    assert isinstance(refused(stage, "a"), InvalidInput)
    assert not stage.engine.has_work


def test_an_engines_refusal_stays_with_its_session() -> None:
    stage = Stage()
    stage.engine.refusals = {"x": InvalidInput("no"), "y": RuntimeError("a bug")}
    for stream, session_id in (("a", "x"), ("b", "y"), ("c", "z")):
        stage.take(stream, session_id)
        stage.ask(stream, session_id)
    stage.run_until_idle()
    assert isinstance(results(stage, "a")[0].error, InvalidInput)
    assert "RuntimeError: a bug" in str(results(stage, "b")[0].error)
    assert results(stage, "c")[0].error is None
    assert stage.loop.forward_health.is_healthy(stage.clock.now_ms())


def test_a_failed_forward_fails_every_slice_under_way_and_shows_in_the_health() -> None:
    stage = Stage()
    for stream, session_id in (("a", "x"), ("b", "y")):
        stage.take(stream, session_id)
        stage.ask(stream, session_id)
    stage.take("idle", "z")
    stage.loop.run_once()
    stage.engine.failure = MemoryError("none left")
    stage.loop.run_once()
    for stream in ("a", "b"):
        assert "MemoryError: none left" in str(results(stage, stream)[0].error)
        assert results(stage, stream)[0].steps == ()
    assert not results(stage, "idle")
    assert not stage.loop.forward_health.is_healthy(stage.clock.now_ms())
    stage.engine.failure = None
    stage.ask("a", "x")
    stage.run_until_idle()
    assert results(stage, "a")[-1].error is None
    assert stage.loop.forward_health.is_healthy(stage.clock.now_ms())


def test_cells_are_given_up_on_request_but_not_during_a_slice() -> None:
    stage = Stage()
    stage.take("a")
    stage.loop.post(GiveCells("a"))
    stage.loop.run_once()
    assert stage.engine.rested == ["s"]
    stage.ask("a")
    stage.loop.post(GiveCells("a"))
    stage.loop.run_once()
    assert isinstance(stage.last("a"), Unseated)


def test_memory_is_taken_back_from_who_used_it_longest_ago() -> None:
    stage = Stage()
    for stream, session_id in (("a", "x"), ("b", "y"), ("c", "z")):
        stage.take(stream, session_id)
    for stream, session_id in (("b", "y"), ("a", "x")):
        stage.ask(stream, session_id, reply_tokens=1)
        stage.run_until_idle()
    stage.engine.runs_out_of_memory = True
    stage.ask("c", "z", reply_tokens=1)
    stage.run_until_idle()
    assert stage.engine.rested == ["y"]


def test_overload_sheds_by_plan_and_tells_everybody() -> None:
    stage = Stage(max_sessions=2)
    stage.engine.forward_ms = 60.0
    stage.take("a")
    for _ in range(50):
        stage.ask("a", reply_tokens=4, look_ahead_tokens=2)
        stage.run_until_idle()
        stage.go_to_tick(stage.tick + 1)
        stage.engine.forward_ms = 60.0 if stage.loop.plan.max_reply_tokens != 1 else 120.0
    told = [load for load in stage.answers("a") if isinstance(load, Load)]
    assert [(load.shedding, load.max_reply_tokens) for load in told] == [
        (Shedding.LOOK_AHEAD, None),
        (Shedding.REPLY_TOKENS, 1),
        (Shedding.ADMISSION, 1),
    ]
    assert {work.look_ahead_tokens for work in stage.engine.submitted} == {2, 0}
    assert {work.reply_tokens for work in stage.engine.submitted} == {4, 1}
    stage.take("b", "y")
    stage.loop.run_once()
    assert isinstance(refused(stage, "b"), CapacityExceeded)
    assert stage.loop.status.load.shedding is Shedding.ADMISSION
    assert stage.loop.status.late_tick_share > 0


def test_slices_that_hang_shed_load_before_they_end() -> None:
    stage = Stage()
    stage.engine.forward_ms = 1.5 * TICK_MS
    stage.take("a")
    stage.ask("a", reply_tokens=30)
    stage.run_until_idle()
    assert stage.loop.status.load.shedding is Shedding.LOOK_AHEAD
    assert len(results(stage, "a")) == 1


def test_an_idle_batcher_takes_everything_back_with_time() -> None:
    stage = Stage()
    stage.loop.plan = LoadPlan(Shedding.ADMISSION, 1)
    for tick in range(1, 5 * CALM_TICKS):
        stage.go_to_tick(tick)
    assert told(stage) is Shedding.NONE
    stage.take("a")
    stage.loop.run_once()
    assert isinstance(stage.last("a"), Seated)


def test_an_idle_batcher_proves_that_it_still_computes() -> None:
    stage = Stage(healthy_within_ms=3_000)
    for tick in range(1, 100):
        stage.go_to_tick(tick)
        assert stage.loop.forward_health.is_healthy(stage.clock.now_ms())
    assert 8 <= stage.engine.num_probes <= 10
    stage.engine.failure = RuntimeError("the device is gone")
    for tick in range(100, 112):
        stage.go_to_tick(tick)
    assert not stage.loop.forward_health.is_healthy(stage.clock.now_ms())
    assert stage.loop.forward_health.failure == "RuntimeError: the device is gone"


def test_a_busy_batcher_needs_no_proof() -> None:
    stage = Stage(healthy_within_ms=300)
    stage.take("a")
    for tick in range(1, 50):
        stage.ask("a", reply_tokens=1)
        stage.run_until_idle()
        stage.go_to_tick(tick)
    assert stage.engine.num_probes == 0


def test_a_probe_without_room_takes_cells_back_from_who_does_not_use_them() -> None:
    stage = Stage(healthy_within_ms=300)
    stage.take("a")
    stage.ask("a", reply_tokens=1)
    stage.run_until_idle()
    stage.engine.runs_out_of_memory = True
    stage.clock.advance(101)
    stage.loop.run_once()
    assert stage.engine.rested == ["s"]
    assert failure(stage) is None
    stage.loop.run_once()  # nobody is left to take from: this memory is too small
    assert failure(stage) is not None
    assert stage.loop.patience_ms() > 0


def test_everybody_is_told_when_the_loop_stops() -> None:
    stage = Stage()
    stage.take("a")
    stage.loop.run_once()
    stage.loop.stop()
    stage.loop.run()
    assert isinstance(refused(stage, "a"), BatcherUnavailable)


def test_an_observer_is_told_of_forwards_slices_and_ticks() -> None:
    class Notes(LoopObserver):
        def __init__(self) -> None:
            self.forwards: list[tuple[float, int]] = []
            self.slices: list[tuple[str, float]] = []
            self.ticks: list[tuple[int, int, int]] = []

        def forward_over(self, took_ms: float, num_rows: int) -> None:
            self.forwards.append((took_ms, num_rows))

        def slice_over(self, sitting: Sitting, result: SliceResult, now_ms: float) -> None:
            assert sitting.work is not None
            self.slices.append((sitting.session_id, now_ms - sitting.work.taken_ms))

        def tick_over(self, record: TickRecord, plan: LoadPlan) -> None:
            self.ticks.append((record.tick, record.num_slices, record.num_forwards))

    notes = Notes()
    stage = Stage(observer=notes)
    stage.take("a")
    stage.ask("a", reply_tokens=2)
    stage.run_until_idle()
    stage.go_to_tick(1)
    assert [(round(took_ms), num_rows) for took_ms, num_rows in notes.forwards] == [(10, 1)] * 2
    assert notes.slices == [("s", 20.0)]
    assert notes.ticks == [(0, 1, 2)]
