"""The same scripts under the other strategies."""

import pytest

from duologue.lane.phase import ReplyPhase
from duologue.lane.steps import Resume
from duologue.session.transcript import Outcome
from tests.unit.session.stage import Setting, Stage, assistant, story, user

LONG = "I am quite well today, thank you for asking me."
STRATEGIES = ("duo", "tdm", "turn")


def speaking(strategy: str, *replies: str) -> Stage:
    stage = Stage(Setting(replies=(LONG, *replies)), strategy=strategy)
    stage.say("How are you?")
    stage.commit()
    stage.tick(2)
    assert stage.session.lane.is_speaking
    return stage


def without_silence(text: str) -> str:
    return text.replace("·", "")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_queries_are_answered_one_after_the_other(strategy: str) -> None:
    stage = Stage(Setting(replies=("Very well.", "Nobody.")), strategy=strategy)
    stage.say("How are you?", "a")
    stage.settle()
    stage.say("And who?", "b")
    stage.settle()
    assert stage.entries == [
        user("How are you?"),
        assistant("Very well."),
        user("And who?"),
        assistant("Nobody."),
    ]
    assert without_silence(stage.trunk) == (
        "[user: How are you?][reply: Very well.][user: And who?][reply: Nobody.]"
    )
    assert stage.session.is_silent


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_cancel_ends_the_reply(strategy: str) -> None:
    stage = speaking(strategy)
    shown = stage.shown(1)
    stage.cancel()
    assert story(stage.settle()) == ["1 done: cancelled"]
    assert stage.entries[1] == assistant(shown, Outcome.CUT)
    assert without_silence(stage.trunk) == f"[user: How are you?][reply: {shown}]"


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("tokens_per_slice", [1, 4, 64])
def test_a_stop_string_ends_the_reply(strategy: str, tokens_per_slice: int) -> None:
    stage = Stage(
        Setting(replies=("I am well. ### And you", "Two."), stop_strings=("###",)),
        strategy=strategy,
        reply_tokens_per_slice=tokens_per_slice,
    )
    stage.say("How are you?")
    stage.settle()
    assert story(stage.events)[1:] == ["1 starts", "1 says: I am well. ", "1 done: stop_string"]
    assert without_silence(stage.trunk) == "[user: How are you?][reply: I am well. ]"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_reply_is_held_until_it_was_heard(strategy: str) -> None:
    stage = speaking(strategy)
    stage.ack(1, 4)
    stage.tick(20)
    assert stage.session.lane.phase is ReplyPhase.FINISHED
    stage.ack(1, len(LONG))
    stage.settle()
    assert stage.entries[1] == assistant(LONG)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_utterance_that_can_never_fit_leaves_the_reply_alone(strategy: str) -> None:
    stage = Stage(Setting(replies=(LONG,), max_positions=110), strategy=strategy)
    stage.say("How are you?")
    stage.commit()
    stage.tick(2)
    stage.say("zqj" * 4, "b")
    told = story(stage.settle())
    assert told.count("error: invalid_input") == 1
    assert stage.shown(1) == LONG
    assert stage.session.is_silent


# Turn-based.


def test_turn_ends_the_users_turn_by_silence_alone() -> None:
    stage = Stage(strategy="turn", reconsider_after_ms=600)
    stage.say("How are you?")
    started_ms = 0.0
    while "1 starts" not in stage.story:
        stage.tick()
        started_ms = stage.clock.now_ms()
    assert started_ms == 640
    assert stage.states[0][1] == "How are you?"


def test_turn_answers_at_once_when_told_to() -> None:
    stage = Stage(strategy="turn")
    stage.say("How are you?")
    stage.commit()
    assert "1 starts" in story(stage.tick())


def test_turn_hears_after_its_reply_what_was_said_during_it() -> None:
    stage = speaking("turn", "Nobody.")
    stage.say("And who?", "b")
    stage.tick(3)
    assert stage.engine.lane.utterance == []
    stage.settle()
    assert stage.shown(1) == LONG
    assert stage.entries[2:] == [user("And who?"), assistant("Nobody.")]


def test_turn_hears_nothing_while_its_reply_is_being_played() -> None:
    stage = speaking("turn", "Nobody.")
    stage.ack(1, 1)
    stage.say("And who?", "b")
    stage.tick(20)
    assert stage.engine.lane.utterance == []
    stage.ack(1, len(LONG))
    stage.tick(10)
    assert stage.entries[2:] == [user("And who?")]
    assert stage.shown(2) == "Nobody."


# Time division.


def test_tdm_goes_on_behind_a_backchannel() -> None:
    stage = speaking("tdm")
    stage.say("mhm", "b")
    told = story(stage.tick())
    assert "1 resumes" in told
    stage.settle()
    assert stage.shown(1) == LONG
    assert "[user: mhm]" in stage.trunk, "one sequence: it stays in there"
    assert stage.entries == [
        user("How are you?"),
        user("mhm", Outcome.IGNORED),
        assistant(LONG),
    ]


def test_tdm_cannot_take_back_what_it_said() -> None:
    stage = speaking("tdm", "Nobody.")
    shown = stage.shown(1)
    stage.ack(1, 1)
    stage.say("And who?", "b")
    told = story(stage.tick())
    assert told[:3] == ["query: And who?", f"1 interrupted at {len(shown)}", "1 done: interrupted"]
    assert f"[reply: {shown}" in without_silence(stage.trunk)


def test_tdm_hears_an_utterance_in_pieces() -> None:
    stage = speaking("tdm", "Nobody.")
    stage.say("And", "b")
    stage.tick()
    assert Resume(is_decided=False) in stage.steps
    stage.say(" who?", "b")
    assert "2 starts" in story(stage.tick())
    stage.settle()
    assert stage.entries[2] == user("And who?")
    assert "[user: And]" in stage.trunk
    assert without_silence(stage.trunk).endswith("[user:  who?][reply: Nobody.]")


@pytest.mark.parametrize("commits", [False, True])
@pytest.mark.parametrize("num_ticks", [1, 16])
def test_tdm_decides_when_patience_is_out(num_ticks: int, commits: bool) -> None:
    """The words stand in the sequence already, so that it has to hear them again."""
    stage = speaking("tdm", "Nobody.")
    stage.say("I wonder", "b")
    stage.tick(num_ticks)
    if commits:
        stage.commit()
    stage.settle()
    assert stage.entries[-2:] == [user("I wonder"), assistant("Nobody.")]
    assert stage.session.is_silent
