"""Who comes when follows from the seed alone."""

from collections.abc import Mapping
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.crowd.plan import LoadPlan
from benchmarks.crowd.repertoire import Repertoire
from duologue.errors import InvalidInput

PLANS = st.builds(
    LoadPlan,
    sessions=st.integers(1, 40),
    duration_s=st.floats(30, 600),
    ramp_s=st.floats(0, 29),
    stay_s=st.none() | st.floats(5, 300),
    seed=st.integers(0, 99),
)


@given(PLANS)
def test_visits_are_in_order_within_the_run_and_the_same_again(plan: LoadPlan) -> None:
    visits = plan.arrivals()
    assert visits == plan.arrivals()
    assert [visit.number for visit in visits] == list(range(len(visits)))
    assert all(a.at_s <= b.at_s for a, b in pairwise(visits))
    assert all(0 <= visit.at_s <= visit.until_s <= plan.duration_s for visit in visits)
    assert sum(visit.at_s <= plan.ramp_s for visit in visits) >= plan.sessions


def test_a_platform_keeps_an_actor_warm_for_each_of_those_who_stay_and_no_more() -> None:
    staying = LoadPlan(sessions=7, duration_s=100)
    assert staying.platform_settings == ["sessions.warm_actors=7", "sessions.max_sessions=7"]
    assert LoadPlan(sessions=7, duration_s=100, stay_s=40).platform_settings == []


def test_those_who_stay_stay_to_the_end_and_others_are_followed_by_as_many() -> None:
    staying = LoadPlan(sessions=50, duration_s=100, ramp_s=10)
    assert {visit.until_s for visit in staying.arrivals()} == {100}
    changing = LoadPlan(sessions=50, duration_s=2_000, ramp_s=10, stay_s=40)
    visits = changing.arrivals()
    for at_s in (300, 1_000, 1_900):
        present = sum(visit.at_s <= at_s < visit.until_s for visit in visits)
        assert 25 < present < 75
    assert visits != LoadPlan(50, 2_000, 10, 40, seed=1).arrivals()


@pytest.mark.parametrize("wrong", [{"sessions": 0}, {"ramp_s": 60}, {"ramp_s": -1}, {"stay_s": 0}])
def test_plans_that_make_no_sense_are_refused(wrong: Mapping[str, float]) -> None:
    with pytest.raises(InvalidInput):
        LoadPlan(**{"sessions": 1, "duration_s": 60, **wrong})  # type: ignore[arg-type]


def test_the_next_topic_follows_from_the_random_numbers() -> None:
    repertoire = Repertoire.read()
    topics = [[repertoire.topic(Random(7), rate).name for _ in range(2)] for rate in (150, 190)]
    assert topics[0] == topics[1]
    assert all(line.words_per_minute == 150 for line in repertoire.topic(Random(1), 150).lines)
