"""Rules 1, 2 and 3 where the model is let know things, and speaks unasked."""

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.lane.steps import Begin, Note, Promote, Reopen, Say
from duologue.speaker import Speaker
from duologue.states import State
from tests.rules.checks import check_channels, check_company, check_losses
from tests.rules.crowd import Crowd, hear
from tests.rules.profile import BUSY_SEEDS, many
from tests.rules.schedules import STRATEGIES, Schedule, random_schedule, with_notes
from tests.rules.stage import play
from tests.rules.worlds import World, adapted_world, random_world

Check = Callable[..., None]
KNOWN = Note(Speaker.SYSTEM, (60, 61, 62))


def noted(random: Random, max_sessions: int = 4) -> Schedule:
    strategies = (*STRATEGIES, "listen")
    return with_notes(
        random_schedule(random, strategies=strategies, max_sessions=max_sessions), random
    )


@pytest.mark.parametrize("check", [check_channels, check_company, check_losses])
@pytest.mark.parametrize("world", [random_world, adapted_world])
@many(8)
@given(random=st.randoms(use_true_random=False))
def test_who_is_told_things_keeps_the_rules(
    check: Check, world: Callable[[Random], World], random: Random
) -> None:
    check(noted(random), world(random), random)


@pytest.mark.parametrize("seed", BUSY_SEEDS[:4])
@pytest.mark.parametrize("check", [check_channels, check_company, check_losses])
def test_busy_schedules(check: Check, seed: int) -> None:
    random = Random(seed)
    schedule = noted(random, max_sessions=6)
    check(schedule, random_world(random), random)


def test_what_notes_do_happens_in_these_schedules() -> None:
    counts: Counter[str] = Counter()
    for seed in BUSY_SEEDS[:4]:
        random = Random(seed)
        done = play(noted(random, max_sessions=6), random_world(random))
        for actor in done.actors.values():
            was_noted = False
            given = {action.given for action in actor.plan.actions}
            for step in actor.journal:
                counts["begun unasked"] += isinstance(step, Begin)
                is_said = isinstance(step, Say) and step.tokens in {each[:1] for each in given}
                counts["said what was given"] += is_said
                counts["noted"] += isinstance(step, Note)
                counts["noted behind a reply"] += isinstance(step, Promote) and bool(step.notes)
                counts["taken back with a note"] += isinstance(step, Reopen) and was_noted
                if isinstance(step, Promote):
                    was_noted = bool(step.notes) and step.aside_tokens is not None
    assert len(+counts) == 5, counts


# What it costs.


def test_a_note_is_computed_while_nobody_waits() -> None:
    """So that the next word is a single row, behind its header."""
    crowd = Crowd()
    result = crowd.do({"a": {"notes": (KNOWN,)}})["a"]
    assert result.steps == (KNOWN,)
    assert result.num_forwards == 1
    assert crowd.engine.lane("a").trunk.is_cached
    crowd.head.script = [State.INCOMPLETE]
    header = len(crowd.world.model.chat.user_header)
    assert crowd.do({"a": hear(52, k=4, ahead=0)})["a"].num_rows == header + 1


def test_a_note_in_front_of_a_query_takes_no_forward_more() -> None:
    crowd = Crowd()
    crowd.start_replies("a", "b")
    crowd.head.script = [State.QUERY]
    more = hear(52, k=2, ahead=0)
    results = crowd.do({"a": more | {"notes": (KNOWN,)}, "b": more})
    (promoted,) = [step for step in results["a"].steps if isinstance(step, Promote)]
    assert promoted.notes == (KNOWN,)
    assert results["a"].num_forwards == results["b"].num_forwards
