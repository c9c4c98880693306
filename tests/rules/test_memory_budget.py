"""Rule 7 for key/value memory: who does not fit is told so, and nobody else notices."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.engine.engine import EngineSettings
from duologue.errors import KVMemoryExhausted
from duologue.kv.blocks import CELLS_PER_BLOCK
from duologue.states import State
from tests.rules.checks import compare
from tests.rules.crowd import Crowd, hear, wait
from tests.rules.profile import BUSY_SEEDS, many
from tests.rules.schedules import random_schedule
from tests.rules.stage import play
from tests.rules.witness import check_readings
from tests.rules.worlds import random_world, tiny_world


def crowd_with_room_for(num_blocks: int) -> Crowd:
    block_bytes = tiny_world("llama").cell_bytes * CELLS_PER_BLOCK
    return Crowd(settings=EngineSettings(kv_bytes=num_blocks * block_bytes))


def test_session_without_room_is_refused_and_goes_on_when_there_is_room() -> None:
    crowd, roomy = crowd_with_room_for(2), Crowd()
    for each in (crowd, roomy):
        each.start_replies("a", "b")
    asked = {"a": wait(k=2, ahead=0), "b": wait(k=2, ahead=0), "c": hear(50, 51, k=3, ahead=1)}
    crowd.head.script = roomy.head.script = [State.INCOMPLETE]
    refused = crowd.do(asked)["c"]
    assert isinstance(refused.error, KVMemoryExhausted)
    assert (refused.num_forwards, refused.num_rows, refused.judgement) == (0, 0, None)
    assert crowd.engine.lane("c").utterance == [50, 51]
    crowd.close("b")
    crowd.head.script = [State.QUERY]
    accepted = crowd.do({"c": wait(k=3, ahead=1), "a": wait(k=2, ahead=0)})["c"]
    assert accepted.error is None
    roomy.head.script = [State.QUERY]
    roomy.do({"a": wait(k=2, ahead=0), "b": wait(k=2, ahead=0)})
    roomy.do({"c": hear(50, 51, k=3, ahead=1), "a": wait(k=2, ahead=0)})
    assert crowd.replies["a"] == roomy.replies["a"]
    assert crowd.replies["c"] == roomy.replies["c"] != []


def test_session_that_cannot_grow_stops_in_the_midst_of_its_reply_and_resumes_it() -> None:
    crowd, roomy = crowd_with_room_for(2), Crowd()
    for each in (crowd, roomy):
        each.start_replies("a", "b")
    errors: list[str] = []
    while not errors:
        results = crowd.do({name: wait(k=4, ahead=0) for name in "ab"})
        errors = [name for name in "ab" if isinstance(results[name].error, KVMemoryExhausted)]
        assert crowd.tick < 100, "memory was never exhausted"
    while len(roomy.replies["a"]) < len(crowd.replies["a"]) + 8:
        roomy.do({name: wait(k=4, ahead=0) for name in "ab"})
    said = len(crowd.replies["a"])
    assert crowd.replies["a"] == roomy.replies["a"][:said]
    assert crowd.engine.lane("a").num_tokens >= CELLS_PER_BLOCK - 4
    assert "a" in errors
    crowd.close("b")
    assert crowd.do({"a": wait(k=4, ahead=0)})["a"].error is None
    assert len(crowd.replies["a"]) == said + 4
    assert crowd.replies["a"] == roomy.replies["a"][: said + 4]


def test_sessions_that_all_need_to_grow_do_not_block_each_other_for_ever() -> None:
    """Each would wait for the slots of the others, did it not give up its own."""
    crowd, roomy = crowd_with_room_for(3), Crowd()
    for each in (crowd, roomy):
        each.start_replies("a", "b", "c")
    enough = CELLS_PER_BLOCK + 40
    while min(len(crowd.replies[name]) for name in "ab") < enough:
        assert crowd.tick < 400, {name: len(reply) for name, reply in crowd.replies.items()}
        crowd.do({name: wait(k=4, ahead=0) for name in "abc" if len(crowd.replies[name]) < enough})
        for name in "abc":
            if len(crowd.replies[name]) >= enough and crowd.engine.lane(name).is_speaking:
                crowd.engine.rest(name, 1)
    while len(roomy.replies["a"]) < enough + 4:
        roomy.do({name: wait(k=4, ahead=0) for name in "abc"})
    for name in "ab":
        assert crowd.replies[name] == roomy.replies[name][: len(crowd.replies[name])]


def check_scarcity(random: Random, num_blocks: int) -> int:
    """Play a schedule with little memory; returns how many sessions were ever refused.

    Whoever was not refused has the same conversation as with all the memory in the world, and what
    is computed for the others is right all the same.
    """
    schedule = random_schedule(random, max_sessions=6)
    world = random_world(random)
    scarce = play(schedule, world, kv_bytes=num_blocks * CELLS_PER_BLOCK * world.cell_bytes)
    roomy = play(schedule, world)
    check_readings(scarce.witness.readings, world, schedule.layers)
    num_refused = 0
    for plan in schedule.plans:
        moments = scarce.moments(plan.name)
        if any(isinstance(moment.result.error, KVMemoryExhausted) for moment in moments):
            num_refused += 1
        else:
            compare(schedule, plan, scarce, roomy)
    return num_refused


@many(20)
@given(st.randoms(use_true_random=False), st.integers(min_value=1, max_value=30))
def test_scarce_memory_disturbs_only_those_it_refuses(random: Random, num_blocks: int) -> None:
    check_scarcity(random, num_blocks)


@pytest.mark.parametrize("num_blocks", [3, 8])
def test_scarce_memory_in_busy_schedules(num_blocks: int) -> None:
    refused = [check_scarcity(Random(seed), num_blocks) for seed in BUSY_SEEDS[:12]]
    assert any(refused)
    assert not all(refused)
