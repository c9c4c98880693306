"""Time division: input and output take turns in one sequence."""

from dataclasses import replace

import pytest

from duologue.lane.judging import JudgingPatience
from duologue.lane.phase import ReplyPhase
from duologue.lane.slices import Heard
from duologue.lane.steps import (
    Conclude,
    EndReason,
    Finish,
    Hear,
    Ignore,
    Pause,
    Promote,
    Resume,
    Say,
)
from duologue.states import State
from duologue.strategies.tdm import TdmStrategy
from tests.unit.lane.fake_cells import OPENING
from tests.unit.strategies.fake_engine import PROFILE, STOP, UNSURE, FakeEngine, kinds, sure

QUERY, NON_QUERY, HOLD = sure(State.QUERY), sure(State.NON_QUERY), sure(State.HOLD)
ASKED = [110, 111, 1, 2, 112]


def speaking() -> FakeEngine:
    """A reply has begun and goes on: 20, 21, 22, ..."""
    engine = FakeEngine(TdmStrategy(), replies=list(range(20, 60)))
    engine.states = [QUERY]
    engine.slice([1, 2], reply_tokens=2)
    assert engine.lane.reply == [20, 21]
    return engine


def trunk(engine: FakeEngine) -> list[int]:
    return engine.lane.trunk.tokens[len(OPENING) :]


@pytest.mark.parametrize("look_ahead", [0, 3])
@pytest.mark.parametrize("reply_tokens", [1, 4])
def test_listening_and_speaking_take_the_sum_of_their_forwards(
    look_ahead: int, reply_tokens: int
) -> None:
    engine = speaking()
    engine.states = [UNSURE] * (1 + look_ahead)
    engine.slice([5], look_ahead_tokens=look_ahead, reply_tokens=reply_tokens)
    assert engine.num_forwards == 1 + look_ahead + reply_tokens
    assert not any(demand.listen and demand.speak for demand in engine.demands)


def test_a_slice_may_return_as_soon_as_its_reply_has_begun() -> None:
    engine = speaking()
    engine.states = [QUERY]
    engine.slice([5], look_ahead_tokens=0, reply_tokens=4, returns_early=True)
    assert engine.num_forwards == 2
    assert engine.lane.reply == [22]


def test_what_is_said_during_a_reply_stays_in_the_sequence() -> None:
    engine = speaking()
    engine.states = [UNSURE]
    run = engine.slice([5, 6], reply_tokens=1, look_ahead_tokens=0)
    assert kinds(run) == [Pause, Hear, Resume, Say]
    assert trunk(engine) == [*ASKED, 120, 121, 20, 21, 122, 110, 111, 5, 6, 112]
    assert engine.lane.reply == [22]


def test_utterance_goes_on_where_it_was_interleaved() -> None:
    engine = speaking()
    engine.states = [UNSURE, UNSURE]
    engine.slice([5, 6], reply_tokens=1, look_ahead_tokens=0)
    engine.slice([7], keep=2, reply_tokens=1, look_ahead_tokens=0)
    assert trunk(engine)[-5:] == [122, 110, 111, 7, 112]


def test_non_query_ends_the_utterance_and_not_the_reply() -> None:
    engine = speaking()
    engine.states = [NON_QUERY, UNSURE]
    run = engine.slice([5, 6], reply_tokens=1, look_ahead_tokens=0)
    assert kinds(run) == [Pause, Hear, Resume, Say]
    assert Resume(is_decided=True) in run.steps
    assert engine.lane.num_utterance_tokens == 0
    engine.slice([7], keep=0, reply_tokens=1, look_ahead_tokens=0)
    assert trunk(engine)[-4:] == [110, 111, 7, 112]


def test_tokens_of_the_next_utterance_are_not_taken_for_those_of_the_last() -> None:
    """A backchannel during the reply, and after its end a query in two pieces."""
    engine = speaking()
    engine.states = [NON_QUERY, UNSURE, QUERY]
    engine.slice([5, 6, 7], reply_tokens=1, look_ahead_tokens=0)
    engine.replies = [STOP, 50, 51]
    engine.slice(reply_tokens=1)
    engine.slice([8, 9], look_ahead_tokens=0)
    engine.slice([10], keep=2, reply_tokens=2, look_ahead_tokens=0)
    assert trunk(engine)[-6:] == [110, 111, 8, 9, 10, 112]


def test_query_during_a_reply_starts_another() -> None:
    engine = speaking()
    engine.states = [QUERY]
    run = engine.slice([5], reply_tokens=2)
    assert kinds(run) == [Pause, Hear, Promote, Say, Say]
    assert engine.lane.reply == [22, 23]
    assert engine.lane.num_replies == 2


def test_hold_during_a_reply_ends_it() -> None:
    engine = speaking()
    engine.states = [HOLD]
    assert kinds(engine.slice([5])) == [Pause, Hear, Promote]
    assert engine.lane.phase is ReplyPhase.NONE


def test_edit_that_leaves_nothing_to_hear_does_not_end_the_reply() -> None:
    engine = speaking()
    run = engine.slice([], reply_tokens=1)
    assert kinds(run) == [Pause, Hear, Resume, Say]
    assert trunk(engine) == [*ASKED, 120, 121, 20, 21, 122]


def test_silence_is_said_by_the_idle_token() -> None:
    engine = speaking()
    engine.profile = replace(PROFILE, idle_token=90)
    run = engine.slice(reply_tokens=2)
    assert run.steps == [Say((90,)), Say((22,)), Say((23,))]
    assert engine.num_forwards == 2


def test_non_query_without_a_reply_is_ignored() -> None:
    engine = FakeEngine(TdmStrategy())
    engine.states = [NON_QUERY]
    assert kinds(engine.slice([5])) == [Hear, Ignore]


def test_reply_ends_as_for_any_strategy() -> None:
    engine = speaking()
    engine.replies = [STOP]
    assert engine.slice().steps == [Finish(EndReason.STOP), Conclude(2)]


def test_cancelled_reply_is_not_paused() -> None:
    engine = speaking()
    engine.states = [UNSURE]
    run = engine.slice([5], conclude=EndReason.CANCELLED, heard=Heard(1), look_ahead_tokens=0)
    assert kinds(run) == [Conclude, Hear]
    assert engine.lane.phase is ReplyPhase.NONE


def test_silence_is_judged_from_evidence() -> None:
    engine = FakeEngine(TdmStrategy(), replies=[20, 21])
    engine.states = [sure(State.QUERY, 0.4)]
    engine.slice([1], look_ahead_tokens=0)
    run = engine.slice(patience=JudgingPatience.LOW, reply_tokens=2)
    assert kinds(run) == [Promote, Say, Say]
    assert engine.num_forwards == 2
