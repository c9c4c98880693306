"""A reply that was given to its end was heard as far as the player says, or to its end."""

import pytest

from duologue.session.transcript import Outcome
from duologue.session_config import SessionConfig
from tests.unit.session.scenes import num_started, scene
from tests.unit.session.schedules import as_trunk
from tests.unit.session.stage import Stage, assistant, story, user

TEXT = "Yes, it is so."


def given(text: str = TEXT) -> Stage:
    """Shown whole to a client that reports."""
    stage = scene(text, "Second.")
    stage.change(SessionConfig(reports_playback=True))
    stage.say("Is it so?")
    stage.commit()
    while "1 done: stop" not in stage.story:
        stage.tick()
    return stage


def test_the_first_report_may_come_when_all_was_shown() -> None:
    stage = given()
    stage.tick(2)
    assert stage.session.lane.num_reply_tokens > 0, "it waits until it was heard"
    stage.ack(1, 5)
    stage.say("And who?", "b")
    stage.settle()
    assert stage.entries[1] == assistant("Yes, ", Outcome.CUT)
    assert stage.trunk == as_trunk(stage)


@pytest.mark.parametrize("then", ["hush", "And who?"])
def test_the_first_report_on_what_counted_as_heard_sets_no_one_at_odds(then: str) -> None:
    """Nothing was declared, so that all that was shown counted. Whether the report does or not,
    trunk and transcript say the same."""
    stage = scene(TEXT)
    stage.say("Is it so?")
    stage.commit()
    while "1 done: stop" not in stage.story:
        stage.tick()
    stage.ack(1, 5)
    stage.say(then, "b")
    stage.settle()
    assert stage.trunk == as_trunk(stage)


def test_who_declares_reports_and_gives_none_has_heard_nothing_yet() -> None:
    stage = given()
    stage.say("And who?", "b")
    stage.commit()
    assert "1 interrupted at 0" in story(stage.tick())
    assert stage.trunk == "[user: Is it so?][user: And who?]"


@pytest.mark.parametrize("short_by", [1, 3])
def test_reports_that_stop_at_a_few_characters_are_reports_of_all(short_by: int) -> None:
    stage = given()
    stage.ack(1, len(TEXT) - short_by)
    stage.tick()
    assert stage.entries[1] == assistant(TEXT)
    assert stage.trunk == f"[user: Is it so?][reply: {TEXT}]"


def test_reports_that_stop_before_marks_are_reports_of_all() -> None:
    stage = given("It is so ... (!!)")
    stage.ack(1, len("It is so"))
    stage.tick()
    assert stage.entries[1] == assistant("It is so ... (!!)")


def test_reports_that_stop_in_its_midst_are_waited_for() -> None:
    stage = given()
    stage.ack(1, 5)
    now_ms, wait_ms = stage.clock.now_ms(), stage.setup.floor.heard_after_ms
    assert stage.session.pending(now_ms).next_ms == now_ms + wait_ms
    stage.elapse(wait_ms - 1)
    assert stage.depart() is None
    stage.tick()
    assert stage.entries[1] == assistant(TEXT)
    assert stage.trunk == f"[user: Is it so?][reply: {TEXT}]"


def test_a_report_that_is_late_but_on_its_way_counts_with_its_end() -> None:
    stage = given()
    stage.ack(1, 5)
    stage.say("And who?", "b")
    stage.tick()
    stage.ack(1, len(TEXT) - 1)
    stage.settle()
    assert "1 interrupted" not in " ".join(stage.story)
    assert num_started(stage) == 2
    assert stage.entries[:2] == [user("Is it so?"), assistant(TEXT)]
    assert stage.trunk == as_trunk(stage)
