"""The turn-based assistant: it listens, then it speaks."""

from duologue.lane.judging import JudgingPatience
from duologue.lane.steps import Conclude, EndReason, Finish, Hear, Promote, Say
from duologue.states import State
from duologue.strategies.base import Demand
from duologue.strategies.turn import TurnStrategy
from tests.unit.strategies.fake_engine import STOP, FakeEngine, kinds


def asked() -> FakeEngine:
    engine = FakeEngine(TurnStrategy(), replies=[20, 21, 22, STOP])
    engine.slice([1, 2])
    return engine


def test_it_only_listens_until_patience_is_out() -> None:
    engine = asked()
    assert kinds(engine.slice([3], keep=2)) == [Hear]
    assert engine.slice(patience=JudgingPatience.LOW).steps == []
    assert engine.num_forwards == 0
    assert engine.lane.utterance == [1, 2, 3]


def test_end_of_the_turn_starts_the_reply_at_once() -> None:
    engine = asked()
    run = engine.slice(patience=JudgingPatience.OUT, reply_tokens=2)
    assert kinds(run) == [Promote, Say, Say]
    assert engine.demands == [Demand(speak=True)] * 2
    assert run.judgement is not None
    assert run.judgement.state is State.QUERY


def test_a_slice_may_return_as_soon_as_the_reply_has_begun() -> None:
    engine = asked()
    run = engine.slice(patience=JudgingPatience.OUT, reply_tokens=9, returns_early=True)
    assert kinds(run) == [Promote, Say]
    assert kinds(engine.slice(reply_tokens=2, returns_early=True)) == [Say, Say]


def test_reply_goes_on_to_its_end() -> None:
    engine = asked()
    engine.slice(patience=JudgingPatience.OUT, reply_tokens=2)
    run = engine.slice(reply_tokens=4)
    assert run.steps == [Say((22,)), Finish(EndReason.STOP), Conclude(3)]


def test_nothing_said_is_no_turn() -> None:
    assert FakeEngine(TurnStrategy()).slice(patience=JudgingPatience.OUT).steps == []
