"""Judging: what is clear, what is clear enough for now, and what has to be decided at last."""

import pytest

from duologue.lane.judging import Judge, JudgingPatience
from duologue.states import State

JUDGE = Judge({State.QUERY: 0.6, State.NON_QUERY: 0.8, State.HOLD: 0.5}, low_patience_scale=0.5)


def seen(query: float, non_query: float, hold: float = 0.0) -> dict[State, float]:
    rest = 1.0 - query - non_query - hold
    return {
        State.QUERY: query,
        State.NON_QUERY: non_query,
        State.HOLD: hold,
        State.INCOMPLETE: rest,
    }


@pytest.mark.parametrize(
    ("probabilities", "normal", "low", "out"),
    [
        (seen(0.60, 0.10), State.QUERY, State.QUERY, State.QUERY),
        (seen(0.59, 0.10), State.INCOMPLETE, State.QUERY, State.QUERY),
        (seen(0.29, 0.40), State.INCOMPLETE, State.INCOMPLETE, State.NON_QUERY),
        (seen(0.05, 0.75), State.INCOMPLETE, State.INCOMPLETE, State.NON_QUERY),
        (seen(0.05, 0.80), State.NON_QUERY, State.NON_QUERY, State.NON_QUERY),
        (seen(0.05, 0.45), State.INCOMPLETE, State.INCOMPLETE, State.QUERY),
        (seen(0.05, 0.05, 0.4), State.INCOMPLETE, State.HOLD, State.HOLD),
        (seen(0.10, 0.10, 0.5), State.HOLD, State.HOLD, State.HOLD),
        (seen(0.02, 0.01, 0.0), State.INCOMPLETE, State.INCOMPLETE, State.QUERY),
    ],
)
def test_the_longer_the_silence_the_less_is_enough(
    probabilities: dict[State, float], normal: State, low: State, out: State
) -> None:
    """But never enough to drop it: what sounds unfinished is no refusal to ask."""
    assert JUDGE.decide(probabilities, JudgingPatience.NORMAL) is normal
    assert JUDGE.decide(probabilities, JudgingPatience.LOW) is low
    assert JUDGE.decide(probabilities, JudgingPatience.OUT) is out


@pytest.mark.parametrize("patience", JudgingPatience)
def test_state_that_the_head_does_not_know_is_never_decided(patience: JudgingPatience) -> None:
    three = {State.QUERY: 0.3, State.NON_QUERY: 0.1, State.INCOMPLETE: 0.6}
    decided = JUDGE.decide(three, patience)
    assert decided in (State.QUERY, State.INCOMPLETE)


def test_state_without_a_threshold_is_never_decided() -> None:
    judge = Judge({State.QUERY: 0.6})
    assert judge.decide(seen(0.1, 0.9), JudgingPatience.OUT) is State.QUERY


def test_what_sounds_unfinished_is_dropped_only_by_a_judge_that_knows_nothing_else() -> None:
    judge = Judge({State.NON_QUERY: 0.6})
    assert judge.decide(seen(0.2, 0.1), JudgingPatience.OUT) is State.NON_QUERY


@pytest.mark.parametrize("patience", JudgingPatience)
def test_what_was_a_query_is_dropped_only_for_sure(patience: JudgingPatience) -> None:
    """A monologue begins with what sounds like talk to nobody, and may end in such words too."""
    judge = Judge({State.QUERY: 0.4, State.NON_QUERY: 0.4, State.HOLD: 0.5})
    assert judge.decide(seen(0.1, 0.81), patience, was_query=True) is State.NON_QUERY
    for non_query in (0.5, 0.79):
        unsure = seen(0.15, non_query)
        assert judge.decide(unsure, patience) is State.NON_QUERY
        wanted = State.QUERY if patience is JudgingPatience.OUT else State.INCOMPLETE
        assert judge.decide(unsure, patience, was_query=True) is wanted


@pytest.mark.parametrize("thresholds", [{}, {State.INCOMPLETE: 0.5}])
def test_judge_without_any_way_to_decide_is_a_mistake(thresholds: dict[State, float]) -> None:
    with pytest.raises(AssertionError):
        Judge(thresholds)
