"""A report on a reply that was cut counts if it was on its way when that happened."""

import pytest

from duologue.floor_settings import FloorSettings
from duologue.lane.steps import Amend
from duologue.session.transcript import Outcome
from tests.unit.session.scenes import LONG, held, speaking
from tests.unit.session.schedules import as_trunk
from tests.unit.session.stage import Stage, assistant, story


def cut(**decoding: str) -> Stage:
    """A query waits to be confirmed that cut the reply when "I am" of it was heard."""
    stage = speaking(**decoding)
    stage.ack(1, 4)
    stage.say("And who?", "b")
    assert story(stage.tick()) == ["query: And who?", "1 pauses"]
    return stage


def amends(stage: Stage) -> list[Amend]:
    return [step for step in stage.steps if isinstance(step, Amend)]


def test_a_report_before_the_cut_is_confirmed_counts() -> None:
    stage = cut()
    stage.ack(1, 10)
    stage.settle()
    assert "1 interrupted at 10" in stage.story
    assert len(amends(stage)) == 1
    assert stage.entries[1] == assistant("I am quite", Outcome.CUT)
    assert stage.trunk == as_trunk(stage)
    assert "[reply: I am quite][user: And who?]" in stage.trunk


def test_a_report_soon_after_the_confirmation_counts_too() -> None:
    stage = cut()
    assert "1 interrupted at 4" in story(stage.commit())
    stage.ack(1, 10)
    assert stage.entries[1] == assistant("I am quite", Outcome.CUT)
    stage.settle()
    assert len(amends(stage)) == 1
    assert stage.trunk == as_trunk(stage)
    assert "[reply: I am quite][user: And who?]" in stage.trunk
    assert stage.shown(2) == "Second."


@pytest.mark.parametrize(("ms", "counts"), [(500, True), (501, False)])
def test_a_report_counts_for_so_long(ms: float, counts: bool) -> None:
    stage = cut()
    stage.commit()
    stage.elapse(ms)
    stage.ack(1, 10)
    stage.settle()
    assert stage.entries[1] == assistant("I am quite" if counts else "I am", Outcome.CUT)
    assert bool(amends(stage)) is counts
    assert stage.trunk == as_trunk(stage)


def test_while_the_cut_is_not_confirmed_there_is_no_limit() -> None:
    stage = held(floor=FloorSettings(confirm_word_gaps=20.0, confirm_after_ms=60_000))
    stage.commit()
    stage.tick(4)
    stage.ack(1, 4)
    stage.say("And who?", "b")
    stage.tick()
    stage.elapse(3_000)
    stage.ack(1, 12)
    stage.settle()
    assert stage.entries[1] == assistant("I am quite w", Outcome.CUT)
    assert stage.trunk == as_trunk(stage)


def test_the_last_report_counts_also_when_it_is_the_smaller() -> None:
    stage = cut()
    stage.ack(1, 10)
    stage.tick()
    stage.ack(1, 2)
    stage.settle()
    assert stage.entries[1] == assistant("I ", Outcome.CUT)
    assert stage.trunk == as_trunk(stage)


@pytest.mark.parametrize("heard_chars", [0, 1000])
def test_a_report_of_nothing_or_of_all_that_was_shown(heard_chars: int) -> None:
    stage = cut()
    shown = stage.shown(1)
    stage.ack(1, heard_chars)
    stage.settle()
    assert stage.entries[1] == assistant(shown[:heard_chars], Outcome.CUT)
    assert stage.trunk == as_trunk(stage)


def test_a_report_during_a_slice_that_cuts_and_then_runs_out_of_room_is_not_lost() -> None:
    stage = speaking()
    stage.ack(1, 4)
    stage.say("And who?", "b")
    stage.engine.fails_after_forwards = 2
    stage.depart()
    stage.ack(1, 10)
    assert "error: capacity_exceeded" in story(stage.arrive())
    stage.engine.fails_after_forwards = None
    stage.settle()
    assert stage.entries[1] == assistant("I am quite", Outcome.CUT)
    assert stage.trunk == as_trunk(stage)


def test_a_report_with_a_cut_that_is_taken_back_is_a_report_like_any() -> None:
    stage = cut()
    stage.ack(1, 10)
    stage.say(" mhm", "b")
    stage.settle()
    stage.ack(1, len(LONG))
    stage.settle()
    assert stage.shown(1) == LONG
    assert stage.entries[-1] == assistant(LONG)
    assert stage.trunk == f"[user: How are you?][reply: {LONG}]"


def test_a_reply_that_is_forgotten_is_not_amended() -> None:
    stage = cut(promotion="branch")
    stage.ack(1, 10)
    stage.settle()
    assert amends(stage) == []
    assert stage.trunk == "[user: How are you?][user: And who?][reply: Second.]"
    assert stage.entries[1] == assistant("I am quite", Outcome.FORGOTTEN)


def test_a_report_on_a_reply_before_the_last_but_one_changes_nothing() -> None:
    stage = cut()
    stage.settle()
    stage.say("Or else?", "c")
    stage.settle()
    before = (stage.entries, stage.trunk)
    assert stage.ack(1, 10) == stage.settle() == []
    assert (stage.entries, stage.trunk) == before
