"""Listening alone: which forwards it asks for, and which steps it takes."""

from typing import Any

import pytest

from duologue.errors import InvalidInput
from duologue.lane.judging import JudgingPatience
from duologue.lane.slices import Heard
from duologue.lane.steps import Begin, Conclude, EndReason, Hear, Ignore, Promote, Reopen
from duologue.states import State
from duologue.strategies.base import Demand
from duologue.strategies.listen import ListenStrategy
from tests.unit.lane.fake_cells import OPENING
from tests.unit.strategies.fake_engine import PROFILE, UNSURE, FakeEngine, kinds, sure

QUERY, NON_QUERY, HOLD = sure(State.QUERY), sure(State.NON_QUERY), sure(State.HOLD)
ASKED = [110, 111, 1, 2, 112]
SAID = (20, 21)
OVER: dict[str, Any] = {"conclude": EndReason.STOP, "heard": Heard(0, SAID)}


def asked() -> FakeEngine:
    engine = FakeEngine(ListenStrategy(), states=[QUERY])
    engine.slice([1, 2], sets_aside=True)
    return engine


def trunk(engine: FakeEngine) -> list[int]:
    return engine.lane.trunk.tokens[len(OPENING) :]


@pytest.mark.parametrize("look_ahead", [0, 3])
def test_it_asks_for_what_it_reads_and_for_nothing_else(look_ahead: int) -> None:
    engine = FakeEngine(ListenStrategy(), states=[UNSURE] * (1 + look_ahead))
    assert kinds(engine.slice([1], look_ahead_tokens=look_ahead)) == [Hear]
    assert engine.num_forwards == 1 + look_ahead
    assert not any(demand.speak or demand.recall for demand in engine.demands)


def test_a_query_ends_the_slice() -> None:
    engine = FakeEngine(ListenStrategy(), states=[QUERY])
    run = engine.slice([1, 2], reply_tokens=4)
    assert kinds(run) == [Hear, Promote]
    assert engine.demands == [Demand(listen=True)]
    assert trunk(engine) == ASKED
    assert engine.lane.is_speaking
    assert engine.lane.reply == []


@pytest.mark.parametrize("state", [NON_QUERY, HOLD])
def test_what_is_no_query_leaves(state: dict[State, float]) -> None:
    engine = asked()
    engine.states = [state]
    assert kinds(engine.slice([5], sets_aside=True)) == [Hear, Ignore]
    assert trunk(engine) == ASKED


def test_what_was_said_is_computed_at_its_end() -> None:
    engine = asked()
    engine.rows_per_forward = (3,)
    assert kinds(engine.slice(**OVER)) == [Conclude]
    assert set(engine.demands) == {Demand(recall=True)}
    assert trunk(engine) == [*ASKED, 120, 121, *SAID, 122]
    assert engine.lane.trunk.is_cached


def test_but_not_before_the_client_is_told_of_a_query() -> None:
    engine = asked()
    engine.states = [QUERY]
    assert kinds(engine.slice([5], **OVER)) == [Conclude, Hear, Promote]
    assert engine.demands == [Demand(listen=True)]


def test_what_was_heard_stays_of_a_cut_and_can_return() -> None:
    engine = asked()
    engine.states = [QUERY]
    engine.slice([5], heard=Heard(0, SAID), sets_aside=True)
    assert trunk(engine) == [*ASKED, 120, 121, *SAID, 122, 110, 111, 5, 112]
    engine.states = [NON_QUERY]
    assert kinds(engine.slice([6], keep=1, reopens=True, sets_aside=True)) == [Reopen, Hear, Ignore]
    assert trunk(engine) == ASKED
    assert engine.lane.is_speaking


def test_the_caller_may_begin_and_end_in_one_slice() -> None:
    engine = FakeEngine(ListenStrategy())
    run = engine.slice(begins=True, **OVER)
    assert run.steps == [Begin(is_turn=True), Conclude(0, SAID)]
    assert trunk(engine) == [120, 121, *SAID, 122]


def test_replies_belong_to_a_turn_until_it_has_enough_of_them() -> None:
    engine = asked()
    engine.slice(conclude=EndReason.STOP, heard=Heard(0, (20,) * PROFILE.max_reply_tokens))
    assert engine.slice(begins=True).steps == [Begin(is_turn=True)]
    other = asked()
    other.slice(**OVER)
    assert other.slice(begins=True).steps == [Begin(is_turn=False)]
    assert other.lane.can_reopen


def test_there_is_one_reply_at_a_time() -> None:
    engine = asked()
    with pytest.raises(InvalidInput, match="begins must not"):
        engine.slice(begins=True)
    assert trunk(engine) == ASKED


def test_silence_is_judged_by_what_was_read() -> None:
    engine = FakeEngine(ListenStrategy(), states=[sure(State.QUERY, 0.4)])
    engine.slice([1, 2])
    run = engine.slice(patience=JudgingPatience.LOW)
    assert engine.num_forwards == 0
    assert kinds(run) == [Promote]
