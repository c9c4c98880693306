"""How many forwards a tick takes: the most that any slice in it needs, never a sum over slices.

A slice of DUO that decodes k tokens and looks α tokens ahead needs max(k, 1 + α), one that ends in
an answer after forward j needs max(k, j + 1), or the forwards up to the first text of the reply if
it is to return then. Counted for seven sessions at once.
"""

import pytest

from duologue.engine.engine import EngineSettings
from duologue.lane.judging import JudgingPatience
from duologue.states import State
from duologue.strategies.moves import BEGINNING_TOKENS
from duologue.strategies.tdm import TdmStrategy
from duologue.strategies.turn import TurnStrategy
from tests.rules.crowd import Crowd, hear, wait
from tests.rules.worlds import WORDS

NAMES = tuple("abcdefg")
K_AND_AHEAD = [(1, 0), (1, 3), (4, 0), (4, 3), (3, 4), (2, 1)]


@pytest.mark.parametrize(("k", "ahead"), K_AND_AHEAD)
def test_undecided_while_speaking(k: int, ahead: int) -> None:
    crowd = Crowd()
    crowd.start_replies(*NAMES)
    said = len(crowd.replies["a"])
    assert crowd.count({name: hear(50, 51, k=k, ahead=ahead) for name in NAMES}) == max(
        k, 1 + ahead
    )
    assert {len(reply) - said for reply in crowd.replies.values()} == {k}


@pytest.mark.parametrize(("k", "ahead"), K_AND_AHEAD)
def test_undecided_without_a_reply(k: int, ahead: int) -> None:
    assert Crowd().count({name: hear(50, 51, k=k, ahead=ahead) for name in NAMES}) == 1 + ahead


@pytest.mark.parametrize(("k", "ahead"), K_AND_AHEAD)
def test_speaking_with_nothing_to_hear(k: int, ahead: int) -> None:
    crowd = Crowd()
    crowd.start_replies(*NAMES)
    assert crowd.count({name: wait(k=k, ahead=ahead) for name in NAMES}) == k


@pytest.mark.parametrize("forward", [1, 2, 4])
@pytest.mark.parametrize("k", [1, 2, 4, 6])
@pytest.mark.parametrize("is_speaking", [False, True])
def test_answered(forward: int, k: int, is_speaking: bool) -> None:
    crowd = Crowd()
    if is_speaking:
        crowd.start_replies(*NAMES)
    crowd.head.script = [State.INCOMPLETE] * (forward - 1) + [State.QUERY]
    assert crowd.count({name: hear(50, k=k, ahead=4) for name in NAMES}) == max(k, forward + 1)
    assert all(crowd.engine.lane(name).num_reply_tokens >= 1 for name in NAMES)


@pytest.mark.parametrize("forward", [1, 2, 4])
@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("is_speaking", [False, True])
def test_answered_by_a_slice_that_returns_when_the_reply_has_begun(
    forward: int, k: int, is_speaking: bool
) -> None:
    crowd = Crowd()
    if is_speaking:
        crowd.start_replies(*NAMES)
    crowd.head.script = [State.INCOMPLETE] * (forward - 1) + [State.QUERY]
    wish = hear(50, k=k, ahead=4) | {"returns_early": True}
    num_forwards = crowd.count(dict.fromkeys(NAMES, wish))
    replies = [crowd.engine.lane(name).reply for name in NAMES]
    for *before, last in replies:
        assert not any(map(WORDS.has_text, before))
        assert WORDS.has_text(last) or len(before) == BEGINNING_TOKENS - 1
    assert num_forwards == forward + max(map(len, replies))


@pytest.mark.parametrize("state", [State.NON_QUERY, State.HOLD])
@pytest.mark.parametrize("forward", [1, 3])
def test_early_decision_that_asks_for_no_reply(state: State, forward: int) -> None:
    crowd = Crowd()
    crowd.head.script = [State.INCOMPLETE] * (forward - 1) + [state]
    assert crowd.count({name: hear(50, k=4, ahead=4) for name in NAMES}) == forward


def test_non_query_costs_a_speaking_session_nothing() -> None:
    crowd = Crowd()
    crowd.start_replies(*NAMES)
    crowd.head.script = [State.NON_QUERY]
    assert crowd.count({name: hear(50, k=4, ahead=4) for name in NAMES}) == 4


@pytest.mark.parametrize(
    "patience", [JudgingPatience.NORMAL, JudgingPatience.LOW, JudgingPatience.OUT]
)
def test_silence_is_judged_without_a_forward(patience: JudgingPatience) -> None:
    """Of what was read before; that the user asks for silence, once patience is low."""
    crowd = Crowd()
    crowd.head.script = [State.HOLD] * 3
    crowd.head.probability = 0.4  # clear only when patience is low
    crowd.do({name: hear(50, k=4, ahead=2) for name in NAMES})
    results = crowd.do({name: {"patience": patience} for name in NAMES})
    assert {result.num_forwards for result in results.values()} == {0}
    is_open = {crowd.engine.lane(name).is_listening for name in NAMES}
    assert is_open == {patience is JudgingPatience.NORMAL}


def test_tick_takes_the_longest_slice_not_the_sum() -> None:
    crowd = Crowd()
    crowd.start_replies("a", "b", "c")
    wishes = {
        "a": wait(k=3, ahead=0),
        "b": hear(50, 51, k=2, ahead=4),  # the longest: 5
        "c": hear(52, k=4, ahead=1),
        "d": hear(53, 54, 55, k=4, ahead=2),
    }
    before = crowd.engine.num_forwards
    results = crowd.do(wishes)
    assert crowd.engine.num_forwards - before == 5
    counts = {name: result.num_forwards for name, result in results.items()}
    assert counts == {"a": 3, "b": 5, "c": 4, "d": 3}


@pytest.mark.parametrize(("k", "ahead"), K_AND_AHEAD)
def test_time_division_takes_the_sum(k: int, ahead: int) -> None:
    crowd = Crowd(strategy=TdmStrategy())
    crowd.start_replies(*NAMES)
    assert crowd.count({name: hear(50, k=k, ahead=ahead) for name in NAMES}) == 1 + ahead + k


def test_turn_based_assistant_takes_a_forward_per_token() -> None:
    crowd = Crowd(strategy=TurnStrategy())
    wish = hear(50, 51, k=4, ahead=3)
    assert crowd.count(dict.fromkeys(NAMES, wish)) == 0
    assert (
        crowd.count(
            {name: wait(k=4, ahead=3) | {"patience": JudgingPatience.OUT} for name in NAMES}
        )
        == 4
    )


def test_long_prefill_is_cut_up_and_stalls_nobody() -> None:
    """41 words with their header, in pieces of 8 behind the opening, while the others talk on."""
    settings = EngineSettings(kv_bytes=8 << 20, prefill_chunk_rows=8)
    crowd = Crowd(settings=settings)
    crowd.start_replies("a", "b")
    wishes = {
        "a": wait(k=2, ahead=0),
        "b": wait(k=2, ahead=0),
        "c": hear(*range(60, 101), k=2, ahead=0),
    }
    results = crowd.do(wishes)
    assert results["a"].num_forwards == results["b"].num_forwards == 2
    assert results["c"].num_forwards == 7  # (7 + 2 + 41) / 8, rounded up
    assert len(crowd.replies["a"]) == len(crowd.replies["b"]) == 3


def test_fewer_rows_than_sessions_still_serve_everyone() -> None:
    crowd = Crowd(settings=EngineSettings(kv_bytes=8 << 20, max_rows=3))
    results = crowd.do({name: hear(50, 51, k=2, ahead=2) for name in NAMES})
    assert len(results) == len(NAMES)
    assert all(result.error is None for result in results.values())
