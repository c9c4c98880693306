"""Rules 1, 2 and 3 where callers speak with models of their own, alone and among others."""

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.kv.channel import Channel
from duologue.lane.judging import JudgingPatience
from duologue.lane.slices import Heard
from duologue.lane.steps import Begin, Conclude, EndReason, Hear, Promote
from duologue.states import State
from duologue.strategies.listen import ListenStrategy
from tests.rules.census import census
from tests.rules.checks import check_channels, check_company, check_losses
from tests.rules.crowd import Crowd, hear
from tests.rules.profile import BUSY_SEEDS, many
from tests.rules.schedules import LISTENING, random_schedule
from tests.rules.stage import play
from tests.rules.worlds import World, adapted_world, random_world

Check = Callable[..., None]
NAMES = ("a", "b", "c")
SAID = tuple(range(60, 75))


@pytest.mark.parametrize("check", [check_channels, check_company, check_losses])
@pytest.mark.parametrize("world", [random_world, adapted_world])
@many(8)
@given(random=st.randoms(use_true_random=False))
def test_listeners_keep_the_rules(
    check: Check, world: Callable[[Random], World], random: Random
) -> None:
    check(random_schedule(random, strategies=LISTENING), world(random), random)


@pytest.mark.parametrize("seed", BUSY_SEEDS[:6])
@pytest.mark.parametrize("check", [check_channels, check_company, check_losses])
def test_busy_schedules(check: Check, seed: int) -> None:
    random = Random(seed)
    schedule = random_schedule(random, strategies=LISTENING, max_sessions=6)
    check(schedule, random_world(random), random)


def test_what_listeners_do_happens_in_these_schedules() -> None:
    counts: Counter[str] = Counter()
    for seed in BUSY_SEEDS[:6]:
        random = Random(seed)
        schedule = random_schedule(random, strategies=("listen",), max_sessions=6)
        counts.update(census(play(schedule, random_world(random))))
    for event in ("begun unasked", "reply set aside returns", "heard part amended", "cancelled"):
        assert counts[event], event


# What it costs.


def listeners(*script: State) -> Crowd:
    crowd = Crowd(strategy=ListenStrategy())
    crowd.head.script = list(script)
    return crowd


def test_nothing_is_decoded() -> None:
    """A query takes the forward that reads it, and no other; the reply takes no cells."""
    crowd = listeners(State.QUERY)
    assert crowd.count({name: hear(50, 51, k=4, ahead=0) for name in NAMES}) == 1
    for name in NAMES:
        lane = crowd.engine.lane(name)
        assert lane.is_speaking
        assert not lane.channel(Channel.OUTPUT).cells


@pytest.mark.parametrize("ahead", [0, 3])
def test_undecided_takes_no_more_than_to_look_ahead(ahead: int) -> None:
    wish = hear(50, 51, k=4, ahead=ahead)
    assert listeners().count(dict.fromkeys(NAMES, wish)) == 1 + ahead


def test_what_was_said_is_computed_when_it_is_over() -> None:
    """So that the next word is a single row."""
    crowd = listeners(State.QUERY)
    crowd.do({"a": hear(50, 51, k=4, ahead=0)})
    result = crowd.do({"a": {"conclude": EndReason.STOP, "heard": Heard(0, SAID)}})["a"]
    assert [type(step) for step in result.steps] == [Conclude]
    assert result.num_forwards == 1
    assert crowd.engine.lane("a").trunk.is_cached
    crowd.head.script = [State.INCOMPLETE]
    header = len(crowd.world.model.chat.user_header)
    assert crowd.do({"a": hear(52, k=4, ahead=0)})["a"].num_rows == header + 1


def test_a_query_is_not_kept_waiting_for_what_follows_it() -> None:
    """The slice in which one is found ends with the forward that read it."""
    crowd = listeners(State.QUERY, State.QUERY)
    crowd.do({"a": hear(50, 51, k=4, ahead=0)})
    wish = {"conclude": EndReason.STOP, "heard": Heard(0, SAID)}
    result = crowd.do({"a": hear(52, k=4, ahead=0) | wish})["a"]
    assert [type(step) for step in result.steps] == [Conclude, Hear, Promote]
    assert result.num_forwards == 1


def test_a_reply_of_its_own_accord_begins_and_ends_in_one_slice() -> None:
    crowd = listeners()
    wish = {"begins": True, "conclude": EndReason.STOP, "heard": Heard(0, SAID)}
    result = crowd.do({"a": wish})["a"]
    assert result.steps == (Begin(is_turn=True), Conclude(0, SAID))
    chat = crowd.world.model.chat
    kept = (*crowd.world.opening, *chat.reply_header, *SAID, *chat.reply_end)
    assert tuple(crowd.engine.lane("a").trunk.tokens) == kept


def test_silence_is_judged_without_a_forward() -> None:
    crowd = listeners()
    crowd.head.probability = 0.4
    crowd.do({"a": hear(50, 51, k=4, ahead=0)})
    result = crowd.do({"a": {"patience": JudgingPatience.OUT}})["a"]
    assert result.num_forwards == 0
    assert result.judgement is not None
