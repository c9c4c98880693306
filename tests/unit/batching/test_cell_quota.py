"""A tenant with a limit of cells: its silent sessions give way, and nobody else notices."""

from duologue.batching.messages import Seated, Unseated
from duologue.errors import QuotaUsedUp
from duologue.lane.slices import SliceResult
from tests.unit.batching.stage import Stage

LIMIT = 100


def _seated(**held: int) -> Stage:
    """Sessions of "acme" that have spoken one after the other and hold so many cells, and one of
    "other" that holds many."""
    stage = Stage(max_sessions=8)
    stage.take("o", "other", tenant_id="other", max_tenant_cells=0)
    for name in held:
        stage.take(name, name, tenant_id="acme", max_tenant_cells=LIMIT, had_seat=True)
    for name, cells in {"other": 1_000, **held}.items():
        stage.ask("o" if name == "other" else name, name, reply_tokens=1)
        stage.run_until_idle()
        stage.engine.held_cells[name] = cells
    stage.go_to_tick(stage.tick + 1)
    stage.engine.rested.clear()
    return stage


def test_a_new_session_has_the_silent_ones_give_way() -> None:
    stage = _seated(one=50, two=49)
    stage.take("n", "new", tenant_id="acme", max_tenant_cells=LIMIT)
    stage.loop.run_once()
    assert isinstance(stage.last("n"), Seated)
    assert stage.engine.rested == ["one"], "the one that was silent for longest, and no more"


def test_one_that_is_too_much_is_refused_and_others_go_on() -> None:
    stage = _seated(one=50, two=60)
    stage.ask("one", "one", reply_tokens=9)
    stage.ask("two", "two", reply_tokens=9)
    stage.loop.run_once()
    stage.engine.held_cells |= {"one": 50, "two": 60}
    stage.take("n", "new", tenant_id="acme", max_tenant_cells=LIMIT)
    stage.take("p", "more", tenant_id="other")
    stage.loop.run_once()
    refused = stage.last("n")
    assert isinstance(refused, Unseated)
    assert isinstance(refused.error, QuotaUsedUp)
    assert refused.error.retry_after_ms > 0
    assert "hold 110 cells" in str(refused.error)
    assert isinstance(stage.last("p"), Seated)
    stage.run_until_idle()
    for stream in ("one", "two"):
        assert isinstance(stage.last(stream), SliceResult)
    assert "other" not in stage.engine.rested


def test_a_session_that_grows_has_the_silent_ones_give_way() -> None:
    stage = _seated(one=40, two=40, three=40)
    stage.ask("two", "two")
    stage.run_until_idle()
    assert stage.engine.rested == ["one"]
    stage.engine.held_cells["two"] = 90
    stage.go_to_tick(stage.tick + 1)
    stage.ask("two", "two")
    stage.run_until_idle()
    assert stage.engine.rested == ["one", "three"]


def test_one_session_may_be_larger_than_the_limit() -> None:
    stage = Stage()
    stage.take("a", "a", trunk=(1, 2) * 20, tenant_id="acme", max_tenant_cells=10)
    stage.loop.run_once()
    assert isinstance(stage.last("a"), Seated)
    stage.engine.held_cells["a"] = 90
    stage.ask("a", "a")
    stage.run_until_idle()
    assert isinstance(stage.last("a"), SliceResult)
    assert stage.engine.rested == []


def test_who_had_a_seat_gets_one() -> None:
    stage = _seated(one=500)
    stage.ask("one", "one", reply_tokens=9)
    stage.loop.run_once()
    stage.take("b", "b", tenant_id="acme", max_tenant_cells=LIMIT, had_seat=True)
    stage.loop.run_once()
    assert isinstance(stage.last("b"), Seated)


def test_cells_that_cannot_be_given_back_are_somebody_elses_problem() -> None:
    stage = _seated(one=80, two=80)
    stage.engine.faults["rest", "one"] = RuntimeError("a fault of one session")
    stage.ask("two", "two")
    stage.run_until_idle()
    assert isinstance(stage.last("two"), SliceResult)
