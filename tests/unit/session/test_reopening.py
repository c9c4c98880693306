"""A decision about a mere beginning is taken back when the rest follows at once."""

from typing import Any

import pytest

from duologue.session.transcript import Outcome
from duologue.states import State
from tests.unit.session.stage import Setting, Stage, assistant, story, user

LONG = "I am quite well today, thank you for asking me."


def answered_too_early(text: str = "what is?", **decoding: Any) -> Stage:
    stage = Stage(Setting(replies=(LONG, "Second.")), **{"continues_within_ms": 800, **decoding})
    stage.say(text)
    stage.tick()
    return stage


def test_the_rest_of_a_query_joins_its_beginning() -> None:
    stage = answered_too_early()
    stage.say(" the time?")
    assert story(stage.tick())[:4] == [
        "1 interrupted at 0",
        "1 done: interrupted",
        "query: what is? the time?",
        "2 starts",
    ]
    stage.settle()
    assert stage.trunk == "[user: what is? the time?][reply: Second.]"
    assert stage.entries == [user("what is? the time?"), assistant("Second.")]


def test_nothing_of_the_beginning_is_computed_again() -> None:
    stage = answered_too_early()
    stage.say(" the time?")
    stage.tick()
    edit = stage.slices[-1].edit
    assert edit is not None
    assert edit.keep > 0
    assert stage.slices[-1].reopens


def test_the_rest_may_come_in_a_revision() -> None:
    stage = answered_too_early()
    stage.revise("what is? the time?")
    stage.settle()
    assert stage.entries == [user("what is? the time?"), assistant("Second.")]


def test_a_correction_takes_the_place_of_what_was_decided() -> None:
    stage = answered_too_early()
    stage.revise("what was it?")
    stage.settle()
    assert stage.entries == [user("what was it?"), assistant("Second.")]
    assert stage.trunk == "[user: what was it?][reply: Second.]"


@pytest.mark.parametrize("addition", ["?", " ", "!?", ""])
def test_punctuation_takes_nothing_back(addition: str) -> None:
    stage = answered_too_early()
    stage.say(addition)
    stage.settle()
    assert stage.entries == [user("what is?"), assistant(LONG)]


def test_a_query_is_reopened_after_its_reply_is_over() -> None:
    stage = Stage(Setting(replies=("So.", "Second.")), continues_within_ms=800)
    stage.say("what is?")
    stage.tick(2)
    assert stage.entries[-1] == assistant("So.")
    stage.say(" the time?")
    stage.settle()
    assert stage.entries == [user("what is? the time?"), assistant("Second.")]
    assert "1 interrupted at 0" in stage.story
    assert stage.story.count("1 done: stop") == 1
    assert "1 done: interrupted" not in stage.story


HARDLY = {State.QUERY: 0.2, State.NON_QUERY: 0.6, State.INCOMPLETE: 0.19, State.HOLD: 0.01}


def test_a_query_that_goes_on_is_not_dropped_for_a_doubt() -> None:
    stage = Stage(Setting(states={"what is? so to say": HARDLY}), continues_within_ms=800)
    stage.say("what is?")
    stage.tick()
    stage.say(" so to say")
    stage.settle()
    assert stage.entries == [user("what is? so to say"), assistant("Fine.")]


def test_what_is_said_in_place_of_a_query_that_was_taken_back_is_dropped_as_before() -> None:
    stage = Stage(Setting(states={"so to say": HARDLY}), continues_within_ms=800)
    stage.say("what is?")
    stage.tick()
    stage.say(" and")
    stage.tick()
    stage.revise("")
    stage.settle()
    stage.say("so to say", "b")
    stage.settle()
    assert stage.entries == [user("so to say", Outcome.IGNORED)]


def test_the_next_utterance_is_dropped_as_before() -> None:
    stage = Stage(Setting(states={"so to say": HARDLY}), continues_within_ms=800)
    stage.say("what is?")
    stage.tick()
    stage.say(" and this?")
    stage.settle()
    stage.wait(5_000)
    stage.say("so to say", "b")
    stage.settle()
    assert stage.entries[-1] == user("so to say", Outcome.IGNORED)


def test_over_a_reply_a_doubt_is_enough_to_let_it_go_on() -> None:
    stage = Stage(
        Setting(replies=(LONG,), states={"why? so to say": HARDLY}), continues_within_ms=800
    )
    stage.say("what is?")
    stage.tick()
    stage.say("why?", "b")
    stage.tick()
    stage.say(" so to say", "b")
    stage.settle()
    assert stage.entries == [
        user("what is?"), user("why? so to say", Outcome.IGNORED), assistant(LONG)
    ]  # fmt: skip


def test_a_backchannel_that_goes_on_was_none() -> None:
    stage = answered_too_early("mhm")
    stage.say(" what is it?")
    stage.settle()
    assert stage.entries == [user("mhm what is it?"), assistant(LONG)]


def test_a_backchannel_that_goes_on_leaves_the_reply_in_the_transcript() -> None:
    stage = Stage(Setting(replies=("Very well.", "Second.")), continues_within_ms=800)
    stage.say("How are you?")
    stage.tick()
    stage.say("mhm", "b")
    stage.tick(2)
    assert stage.entries == [
        user("How are you?"),
        user("mhm", Outcome.IGNORED),
        assistant("Very well."),
    ]
    stage.say(" and who?", "b")
    stage.settle()
    assert stage.entries == [
        user("How are you?"),
        assistant("Very well."),
        user("mhm and who?"),
        assistant("Second."),
    ]


def test_a_call_for_silence_that_goes_on_was_none() -> None:
    stage = answered_too_early("hush")
    stage.say(" is what?")
    told = story(stage.settle())
    assert told[0] == "query: hush is what?"
    assert stage.entries == [user("hush is what?"), assistant(LONG)]
    assert stage.trunk == f"[user: hush is what?][reply: {LONG}]"


def test_a_cut_reply_stays_cut() -> None:
    stage = Stage(Setting(replies=(LONG, LONG, "Third.")), continues_within_ms=800)
    stage.say("How are you?")
    stage.tick(3)
    shown = stage.shown(1)
    stage.say("what is?", "b")
    stage.tick()
    stage.say(" the time?", "b")
    stage.settle()
    assert stage.entries == [
        user("How are you?"),
        assistant(shown, Outcome.CUT),
        user("what is? the time?"),
        assistant("Third."),
    ]
    assert stage.trunk == (
        f"[user: How are you?][reply: {shown}][user: what is? the time?][reply: Third.]"
    )


def test_later_text_begins_an_utterance_of_its_own() -> None:
    stage = answered_too_early()
    stage.wait(800)
    stage.say(" the time?")
    stage.settle()
    assert [entry[1] for entry in stage.entries if entry[0] == "user"] == ["what is?", "the time?"]


def test_text_in_another_segment_begins_an_utterance_of_its_own() -> None:
    stage = answered_too_early()
    stage.say("the time?", "b")
    stage.settle()
    assert [entry[1] for entry in stage.entries if entry[0] == "user"] == ["what is?", "the time?"]


def test_what_the_caller_committed_is_not_taken_back() -> None:
    stage = Stage(Setting(replies=(LONG, "Second.")), continues_within_ms=800)
    stage.say("what is?")
    stage.commit()
    stage.tick()
    stage.say(" the time?")
    stage.settle()
    assert [entry[1] for entry in stage.entries if entry[0] == "user"] == ["what is?", "the time?"]


def test_a_commit_after_the_decision_makes_it_final() -> None:
    stage = answered_too_early()
    stage.commit()
    stage.say(" the time?")
    stage.settle()
    assert [entry[1] for entry in stage.entries if entry[0] == "user"] == ["what is?", "the time?"]


@pytest.mark.parametrize("strategy", ["turn", "tdm"])
def test_other_strategies_take_nothing_back(strategy: str) -> None:
    stage = answered_too_early(strategy=strategy)
    stage.say(" the time?")
    stage.settle()
    assert not any(work.reopens for work in stage.slices)


def test_the_time_for_it_can_be_none() -> None:
    stage = answered_too_early(continues_within_ms=0)
    stage.say(" the time?")
    stage.settle()
    assert not any(work.reopens for work in stage.slices)


# While a slice is under way.


def test_text_during_the_slice_that_decides_goes_on_with_the_utterance() -> None:
    stage = Stage(Setting(replies=(LONG, "Second.")), continues_within_ms=800)
    stage.say("what is?")
    stage.depart()
    stage.say(" the time?")
    stage.arrive()
    stage.settle()
    assert stage.states == [(State.QUERY, "what is?"), (State.QUERY, "what is? the time?")]
    assert stage.entries == [user("what is? the time?"), assistant("Second.")]


def test_a_commit_before_it_makes_the_decision_final() -> None:
    stage = Stage(Setting(replies=(LONG, "Second.")), continues_within_ms=800)
    stage.say("what is?")
    stage.commit()
    stage.depart()
    stage.say(" the time?")
    stage.arrive()
    stage.settle()
    assert [text for _, text in stage.states] == ["what is?", "the time?"]


def test_a_commit_behind_the_rest_is_about_both() -> None:
    stage = Stage(Setting(replies=(LONG, "Second.")), continues_within_ms=800)
    stage.say("what is?")
    stage.depart()
    stage.say(" the time")
    stage.commit()
    stage.arrive()
    assert stage.tick() != []
    assert stage.states[-1] == (State.QUERY, "what is? the time")


def test_text_during_a_slice_of_the_reply_goes_on_with_the_utterance() -> None:
    stage = answered_too_early()
    stage.wait()
    stage.depart()
    stage.say(" the time?")
    assert story(stage.arrive()) != []
    stage.settle()
    assert stage.entries == [user("what is? the time?"), assistant("Second.")]


def test_a_reply_that_ends_during_the_reopening_is_withdrawn_too() -> None:
    stage = Stage(Setting(replies=("So.", "Second.")), continues_within_ms=800)
    stage.say("what is?")
    stage.tick()
    stage.wait()
    stage.depart()
    stage.say(" the time?")
    stage.arrive()
    stage.settle()
    assert stage.entries == [user("what is? the time?"), assistant("Second.")]


def test_a_cancel_with_the_reopening_leaves_no_trace() -> None:
    stage = answered_too_early()
    stage.say(" the time?")
    stage.cancel()
    stage.settle()
    assert stage.entries == [user("what is? the time?"), assistant("Second.")]
    assert stage.trunk == "[user: what is? the time?][reply: Second.]"


def test_a_reopened_utterance_can_be_withdrawn() -> None:
    stage = answered_too_early()
    stage.say(" the time?")
    stage.revise("")
    stage.settle()
    assert stage.entries == []
    assert stage.trunk == ""
    assert stage.session.is_silent


def test_a_reopened_utterance_can_return_to_what_it_was() -> None:
    stage = answered_too_early()
    stage.say(" the time?")
    stage.revise("what is?")
    stage.settle()
    assert stage.entries == [user("what is?"), assistant("Second.")]


def test_what_was_heard_in_between_is_cleared_first() -> None:
    """A word that was taken back is still with the engine when the first utterance goes on."""
    stage = answered_too_early()
    stage.say("uh", "b")
    stage.tick()
    stage.revise("", "b")
    stage.say(" the time?")
    stage.settle()
    assert not any(event == "error: invalid_input" for event in stage.story)


def test_a_reopening_outlasts_a_refusal_for_want_of_room() -> None:
    stage = answered_too_early()
    stage.engine.fails_after_forwards = 0
    stage.say(" the time?")
    assert "error: capacity_exceeded" in story(stage.tick())
    stage.engine.fails_after_forwards = None
    stage.settle()
    assert stage.entries == [user("what is? the time?"), assistant("Second.")]


def test_a_refused_utterance_is_not_taken_back() -> None:
    stage = Stage(Setting(replies=(LONG, "Second."), max_positions=88), continues_within_ms=800)
    stage.say("zqj" * 4)
    stage.tick()
    stage.say(" what is?")
    stage.settle()
    assert stage.entries[0] == user("what is?")


def test_a_continuation_that_is_too_long_leaves_with_the_beginning() -> None:
    stage = Stage(Setting(replies=(LONG, "Second."), max_positions=88), continues_within_ms=800)
    stage.say("what is?")
    stage.tick()
    stage.say("zqj" * 3)
    told = story(stage.settle())
    assert told.count("error: invalid_input") == 1
    assert stage.engine.lane.utterance == []
    stage.say("And now?", "b")
    stage.settle()
    assert stage.entries[-2] == user("And now?")
