"""The engine's own manners: seats, epochs, slices under way."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from duologue.engine.engine import Engine, EngineSettings
from duologue.engine.turns import Order, Wish
from duologue.errors import InvalidInput, StaleEpoch, UnknownSession
from duologue.forward.sampling_settings import SamplingSettings
from duologue.kv.blocks import CELLS_PER_BLOCK
from duologue.kv.slot import Slot
from duologue.lane.judging import JudgingPatience
from duologue.lane.lane import Lane
from duologue.lane.profile import LaneProfile
from duologue.lane.slices import Heard, Slice, SliceBroken, SliceResult
from duologue.lane.steps import EndReason, Hear, Say
from duologue.states import State
from duologue.strategies.base import SliceRun, Slicing
from duologue.strategies.duo import DuoStrategy
from duologue.strategies.turn import TurnStrategy
from duologue.text.token_edit import TokenEdit
from tests.rules.stage import one_thread
from tests.rules.worlds import CHAT, JUDGE, OPENING, SetHead, as_head, tiny_world

PROFILE = LaneProfile(judge=JUDGE, stop_tokens=frozenset())
ASKS = TokenEdit(0, (40, 41, 42))


class Bench:
    """An engine on a tiny model whose head says what it is told."""

    def __init__(self) -> None:
        self.head = SetHead()
        settings = EngineSettings(kv_bytes=4 << 20)
        self.engine = Engine(tiny_world("llama").model, as_head(self.head), settings)

    def open(self, name: str = "a", epoch: int = 1) -> None:
        self.engine.open(name, epoch, Lane(CHAT, OPENING), PROFILE, DuoStrategy())

    def ask(self, name: str = "a", epoch: int = 1, **wishes: object) -> None:
        self.head.script = [State.QUERY]
        self.engine.submit(Slice(name, epoch, 1, edit=ASKS, **wishes))  # type: ignore[arg-type]

    def run(self) -> list[SliceResult]:
        results = self.engine.run()
        self.engine.check_integrity()
        return results


@pytest.fixture(autouse=True)
def _tiny_matrices_want_one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture
def bench() -> Bench:
    return Bench()


def said(result: SliceResult) -> list[int]:
    return [token for step in result.steps if isinstance(step, Say) for token in step.tokens]


def test_result_names_its_slice(bench: Bench) -> None:
    bench.open(epoch=3)
    bench.ask(epoch=3)
    (result,) = bench.run()
    assert (result.session_id, result.epoch, result.tick) == ("a", 3, 1)
    assert result.steps[0] == Hear(0, (40, 41, 42))
    assert result.num_forwards == 4
    assert result.num_rows == (len(OPENING) + 2 + 3) + (2 + 2) + 2
    assert result.error is None


def test_seated_session_costs_no_memory_until_it_has_work(bench: Bench) -> None:
    bench.open()
    assert bench.engine.num_sessions == 1
    assert bench.engine.memory.num_slots == 0
    assert not bench.engine.has_work


def test_unknown_session(bench: Bench) -> None:
    with pytest.raises(UnknownSession, match="session b"):
        bench.ask("b")
    with pytest.raises(UnknownSession, match="session b"):
        bench.engine.close("b", 1)


@pytest.mark.parametrize("epoch", [1, 3])
def test_only_the_present_epoch_is_served(bench: Bench, epoch: int) -> None:
    bench.open(epoch=2)
    with pytest.raises(StaleEpoch, match="epoch 2"):
        bench.ask(epoch=epoch)
    with pytest.raises(StaleEpoch):
        bench.engine.rest("a", epoch)
    with pytest.raises(StaleEpoch):
        bench.engine.close("a", epoch)
    assert bench.engine.num_sessions == 1


def test_newer_epoch_takes_over_and_drops_the_slice_under_way(bench: Bench) -> None:
    bench.open(epoch=1)
    bench.ask(reply_tokens=9)
    bench.engine.forward()
    bench.open(epoch=2)
    assert not bench.engine.has_work
    assert bench.engine.memory.num_slots == 0
    with pytest.raises(StaleEpoch):
        bench.open(epoch=2)


def test_one_slice_at_a_time(bench: Bench) -> None:
    bench.open()
    bench.ask()
    with pytest.raises(InvalidInput, match="under way"):
        bench.ask()
    with pytest.raises(InvalidInput, match="under way"):
        bench.engine.rest("a", 1)
    assert len(bench.run()) == 1
    bench.engine.rest("a", 1)
    assert bench.engine.memory.num_slots == 0


def test_closed_session_leaves_nothing(bench: Bench) -> None:
    bench.open()
    bench.ask()
    bench.engine.forward()
    bench.engine.close("a", 1)
    assert (bench.engine.num_sessions, bench.engine.num_jobs) == (0, 0)
    assert bench.run() == []
    assert bench.engine.memory.num_slots == 0


def test_slice_without_work_is_done_without_a_forward(bench: Bench) -> None:
    bench.open()
    bench.engine.submit(Slice("a", 1, 1))
    (result,) = bench.engine.forward()
    assert (result.steps, result.num_forwards, bench.engine.num_forwards) == ((), 0, 0)


@pytest.mark.parametrize(
    "wishes",
    [
        {"edit": TokenEdit(9, (50,))},
        {"heard": Heard(99), "conclude": EndReason.CANCELLED},
        {"reopens": True, "edit": TokenEdit(99, ())},
    ],
)
def test_slice_that_cannot_be_meant_is_answered_by_an_error(
    bench: Bench, wishes: dict[str, object]
) -> None:
    bench.open()
    bench.open("b")
    bench.ask()
    bench.run()
    bench.ask("b")
    bench.engine.submit(Slice("a", 1, 2, **wishes))  # type: ignore[arg-type]
    errors = {result.session_id: result.error for result in bench.run()}
    assert isinstance(errors["a"], InvalidInput)
    assert errors["b"] is None


class Faulty(DuoStrategy):
    """Goes wrong in its second forward, or in what it does when it is broken off."""

    def __init__(self, *, at_the_end: bool) -> None:
        self._at_the_end = at_the_end

    def run(self, run: SliceRun) -> Slicing:
        slicing = super().run(run)
        try:
            outcome = yield next(slicing)
            if not self._at_the_end:
                raise RuntimeError("a fault")
            while True:
                outcome = yield slicing.send(outcome)
        finally:
            if self._at_the_end:
                raise RuntimeError("a fault")


@pytest.mark.parametrize("at_the_end", [False, True])
def test_slice_that_goes_wrong_leaves_the_others_alone(bench: Bench, at_the_end: bool) -> None:
    lane = Lane(CHAT, OPENING)
    bench.engine.open("ill", 1, lane, PROFILE, Faulty(at_the_end=at_the_end))
    bench.open("b")
    bench.ask("ill")
    bench.ask("b")
    results = {result.session_id: result for result in bench.engine.run()}
    assert isinstance(results["ill"].error, SliceBroken)
    assert results["b"].error is None
    assert said(results["b"])
    bench.engine.close("ill", 1)
    bench.engine.check_integrity()


def test_cells_that_are_not_to_be_had_leave_the_others_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = bench.engine.memory.take

    def taking(slot: Slot, count: int) -> list[int]:
        if slot is bench.engine._seats["ill"].slot:
            raise AssertionError("a fault")
        return take(slot, count)

    monkeypatch.setattr(bench.engine.memory, "take", taking)
    bench.open("ill")
    bench.open("b")
    bench.ask("ill")
    bench.ask("b")
    results = {result.session_id: result for result in bench.run()}
    assert isinstance(results["ill"].error, SliceBroken)
    assert said(results["b"])


def test_strategy_that_judges_needs_a_head() -> None:
    engine = Engine(tiny_world("llama").model, None, EngineSettings(kv_bytes=4 << 20))
    with pytest.raises(InvalidInput, match="duo"):
        engine.open("a", 1, Lane(CHAT, OPENING), PROFILE, DuoStrategy())
    engine.open("a", 1, Lane(CHAT, OPENING), PROFILE, TurnStrategy())
    engine.submit(Slice("a", 1, 1, edit=ASKS, patience=JudgingPatience.OUT))
    (result,) = engine.run()
    assert len(said(result)) == 4


def test_change_waits_for_the_next_slice(bench: Bench) -> None:
    bench.open("a")
    bench.open("b")
    hot = replace(PROFILE, sampling=SamplingSettings(temperature=5.0, seed=7))
    bench.ask("a", reply_tokens=9)
    bench.ask("b", reply_tokens=9)
    bench.engine.forward()
    bench.engine.change("b", 1, hot)
    results = {result.session_id: result for result in bench.run()}
    assert said(results["a"]) == said(results["b"])
    for name in ("a", "b"):
        bench.engine.submit(Slice(name, 1, 2, reply_tokens=9))
    results = {result.session_id: result for result in bench.run()}
    assert said(results["a"]) != said(results["b"])


def test_slice_may_join_between_two_forwards_of_others(bench: Bench) -> None:
    bench.open("a")
    bench.open("b")
    bench.ask("a", reply_tokens=9)
    bench.engine.forward()
    bench.ask("b", reply_tokens=2)
    order = [result.session_id for result in bench.run()]
    assert order == ["b", "a"]


def test_oldest_slice_is_never_starved() -> None:
    """A long prefill gets its share of rows in every forward, however many others there are."""
    bench = Bench()
    bench.engine.settings = EngineSettings(max_rows=12, prefill_chunk_rows=8)
    bench.open("long")
    long_text = TokenEdit(0, tuple(range(40, 110)))
    bench.engine.submit(Slice("long", 1, 1, edit=long_text))
    num_forwards = 0
    while bench.engine.num_jobs and "long" in bench.engine._jobs:
        name = f"short{num_forwards}"
        bench.open(name)
        bench.engine.submit(Slice(name, 1, 1, edit=ASKS))
        bench.engine.forward()
        num_forwards += 1
    assert num_forwards == -(-(len(OPENING) + 2 + 70) // 8)


def test_warm_up_leaves_nothing(bench: Bench) -> None:
    bench.engine.warm_up()
    assert bench.engine.memory.num_slots == 0
    bench.engine.check_integrity()


def test_cells_of_a_session_that_rests_go_to_the_host_where_there_is_room() -> None:
    world = tiny_world("llama")
    block_bytes = world.cell_bytes * CELLS_PER_BLOCK
    replies = []
    for host_blocks in (0, 8):
        head = SetHead()
        limits = EngineSettings(kv_bytes=4 << 20, host_bytes=host_blocks * block_bytes)
        engine = Engine(world.model, as_head(head), limits)
        engine.open("a", 1, Lane(CHAT, OPENING), PROFILE, DuoStrategy())
        head.script = [State.QUERY]
        engine.submit(Slice("a", 1, 1, edit=ASKS))
        engine.run()
        engine.rest("a", 1)
        assert engine.memory.num_blocks_held == 0
        engine.check_integrity()
        engine.submit(Slice("a", 1, 2, reply_tokens=3))
        [result] = engine.run()
        engine.check_integrity()
        replies.append(said(result))
        num_cached = 3 if host_blocks else engine.lane("a").num_tokens - 1
        assert result.num_rows == num_cached
    assert replies[0] == replies[1]


class Says:
    """Lets one session after the other ride, by the order that it is told."""

    are_contested = True

    def __init__(self, order: Order) -> None:
        self.order = order
        self.wished: list[Sequence[Wish]] = []
        self.rode: list[Mapping[str, int]] = []

    def choose(self, wishes: Sequence[Wish]) -> Order:
        self.wished.append(wishes)
        return self.order

    def carried(self, rows: Mapping[str, int]) -> None:
        self.rode.append(rows)


def test_whoever_is_let_ride_rides_and_the_others_keep_their_place(bench: Bench) -> None:
    for name in ("a", "b", "c"):
        bench.open(name)
        bench.ask(name, reply_tokens=2)
    bench.engine.turns = says = Says(Order(5, [("c", 5), ("b", 2), ("a", 9)]))
    bench.engine.forward()
    assert [wish.key for wish in says.wished[0]] == ["a", "b", "c"]
    assert says.rode == [{"c": 5}]
    says.order = Order(6, [("b", 2), ("a", 9), ("c", 9)])
    bench.engine.forward()
    assert says.rode[1] == {"b": 2, "a": 4}
    bench.engine.turns = None
    assert {result.session_id for result in bench.run()} == {"a", "b", "c"}


def test_what_is_said_does_not_depend_on_the_turns(bench: Bench) -> None:
    said = []
    for turns in (None, Says(Order(3, [("b", 2), ("a", 3)]))):
        for name in ("a", "b"):
            bench.open(name)
            bench.ask(name, reply_tokens=3)
        bench.head.script = [State.QUERY, State.QUERY]
        bench.engine.turns = turns
        results = bench.run() if turns is None else until_done(bench)
        said.append({result.session_id: result.steps for result in results})
        for name in ("a", "b"):
            bench.engine.close(name, 1)
    assert said[0] == said[1]


def until_done(bench: Bench) -> list[SliceResult]:
    """Forwards in which one of the two is first, in turns; the engine has those that are left."""
    results: list[SliceResult] = []
    while left := sorted(bench.engine._jobs):
        turns = bench.engine.turns
        assert isinstance(turns, Says)
        turns.order = Order(3, [(name, 2) for name in reversed(left)])
        results += bench.engine.forward()
    return results
