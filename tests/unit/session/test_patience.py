"""Silence, and the caller's word that the turn is over, decide what words alone do not."""

import pytest

from duologue.lane.judging import JudgingPatience
from duologue.session.transcript import Outcome
from duologue.states import State
from tests.unit.session.stage import TICK_MS, Setting, Stage, story, user


def patiences(stage: Stage) -> list[JudgingPatience]:
    return [work.patience for work in stage.slices]


def test_an_undecided_utterance_is_judged_once_at_each_patience() -> None:
    stage = Stage(reconsider_after_ms=600, decide_after_ms=1600)
    stage.say("I wonder maybe")
    judged_ms = []
    for _ in range(20):
        if stage.tick():
            judged_ms.append(stage.clock.now_ms())
    assert patiences(stage)[:3] == [
        JudgingPatience.NORMAL,
        JudgingPatience.LOW,
        JudgingPatience.OUT,
    ]
    assert judged_ms[:3] == [160, 640, 1600]
    assert stage.states == [
        (State.INCOMPLETE, "I wonder maybe"),
        (State.INCOMPLETE, "I wonder maybe"),
        (State.QUERY, "I wonder maybe"),
    ]


def test_what_sounds_unfinished_is_decided_by_the_last_limit_only() -> None:
    stage = Stage(reconsider_after_ms=600, decide_after_ms=1600)
    stage.say("I wonder")
    judged_ms = []
    for _ in range(50):
        if stage.tick():
            judged_ms.append(stage.clock.now_ms())
    assert patiences(stage)[:3] == [
        JudgingPatience.NORMAL,
        JudgingPatience.LOW,
        JudgingPatience.OUT,
    ]
    assert judged_ms[:3] == [160, 640, 6080]
    assert stage.states[-1] == (State.QUERY, "I wonder")


HARDLY = {State.QUERY: 0.02, State.NON_QUERY: 0.2, State.INCOMPLETE: 0.78, State.HOLD: 0.0}
LONG = "One thing leads to another, and that to the next, until nobody knows where it began."


def over_reply() -> Stage:
    """Over a reply somebody says "you know"."""
    states = {"Why is that?": {State.QUERY: 1.0}, "you know": HARDLY}
    stage = Stage(Setting(replies=(LONG, "Second."), states=states), decide_after_ms=640)
    stage.say("Why is that?")
    while "another" not in stage.shown(1):
        stage.tick()
    stage.say("you know", "b")
    return stage


def test_a_reply_is_not_cut_because_nothing_else_is_left() -> None:
    stage = over_reply()
    stage.settle()
    assert stage.shown(1) == LONG
    assert stage.entries[1] == user("you know", Outcome.IGNORED)
    assert stage.states[-1] == (State.NON_QUERY, "you know")


def test_whoever_says_that_the_turn_is_over_is_answered_all_the_same() -> None:
    stage = over_reply()
    stage.commit()
    stage.settle()
    assert stage.shown(2) == "Second."


def test_low_patience_takes_a_leaning_for_a_decision() -> None:
    stage = Stage()
    stage.say("Tell me please")
    stage.settle()
    assert patiences(stage)[:2] == [JudgingPatience.NORMAL, JudgingPatience.LOW]
    assert stage.states[-1] == (State.QUERY, "Tell me please")


def test_patience_that_is_out_takes_the_likeliest() -> None:
    stage = Stage()
    stage.say("la la")
    stage.settle()
    assert stage.states[-1] == (State.NON_QUERY, "la la")
    assert stage.entries == [user("la la", Outcome.IGNORED)]


def test_silence_costs_no_forwards() -> None:
    stage = Stage()
    stage.say("I wonder")
    stage.tick()
    stage.wait(600)
    stage.tick()
    assert stage.results[0].num_forwards == 1
    assert stage.results[1].num_forwards == 0


def test_more_text_makes_the_session_patient_again() -> None:
    stage = Stage()
    stage.say("I")
    for word in (" wonder", " why", " this", " is"):
        stage.tick(3)
        stage.say(word)
    stage.tick()
    assert set(patiences(stage)) == {JudgingPatience.NORMAL}


@pytest.mark.parametrize("repeat", ["append", "revise"])
def test_what_adds_nothing_does_not_break_the_silence(repeat: str) -> None:
    """Recognisers repeat themselves, and send an empty text only to say that it was final."""
    stage = Stage()
    stage.say("I wonder maybe")
    for _ in range(9):
        stage.tick()
        if repeat == "append":
            stage.say("")
        else:
            stage.revise("I wonder maybe")
    stage.tick()
    assert patiences(stage)[:3] == [
        JudgingPatience.NORMAL,
        JudgingPatience.LOW,
        JudgingPatience.OUT,
    ]
    assert stage.states[-1] == (State.QUERY, "I wonder maybe")


def test_a_session_that_was_not_asked_for_long_decides_at_once() -> None:
    stage = Stage()
    stage.say("I wonder")
    stage.wait(5000)
    assert story(stage.tick())[0] == "query: I wonder"


def test_nothing_to_do_asks_for_no_slice() -> None:
    stage = Stage()
    stage.tick(20)
    assert stage.slices == []
    stage.say("Well?")
    stage.settle()
    num_slices = len(stage.slices)
    stage.tick(50)
    assert len(stage.slices) == num_slices


def test_evidence_that_was_lost_is_read_again() -> None:
    stage = Stage()
    stage.say("I wonder")
    stage.tick()
    stage.engine.rest()
    stage.wait(6000)
    assert story(stage.tick())[0] == "query: I wonder"


# The caller's word.


def test_a_commit_decides_without_waiting() -> None:
    stage = Stage()
    stage.say("I wonder")
    stage.tick()
    stage.commit()
    assert story(stage.tick())[:2] == ["query: I wonder", "1 starts"]
    assert patiences(stage) == [JudgingPatience.NORMAL, JudgingPatience.OUT]


def test_a_commit_goes_with_the_text_that_it_follows() -> None:
    stage = Stage()
    stage.say("I wonder")
    stage.commit()
    stage.tick()
    assert patiences(stage) == [JudgingPatience.OUT]


def test_a_commit_also_covers_text_that_the_engine_has_not_heard() -> None:
    stage = Stage()
    stage.commit()  # of nothing: it is not to count for what follows
    stage.say("I")
    stage.tick()
    assert patiences(stage) == [JudgingPatience.NORMAL]
    stage.commit()
    stage.revise("I wonder why", is_final=True)
    stage.tick()
    assert stage.states[-1] == (State.QUERY, "I wonder why")


def test_a_commit_ends_with_its_utterance() -> None:
    stage = Stage()
    stage.say("I wonder")
    stage.commit()
    stage.settle()
    stage.say("And", "b")
    stage.wait(TICK_MS)
    stage.tick()
    assert stage.slices[-1].patience is JudgingPatience.NORMAL


def test_a_commit_of_a_backchannel_is_still_no_query() -> None:
    stage = Stage()
    stage.say("la la")
    stage.commit()
    assert story(stage.tick()) == ["non_query: la la"]


def test_a_commit_while_speaking_interrupts() -> None:
    stage = Stage(Setting(replies=("One two three four five six seven.", "Two.")))
    stage.say("Count?")
    stage.tick(2)
    stage.say("I wonder", "b")
    stage.tick()
    stage.commit()
    assert "1 done: interrupted" in story(stage.tick())
