"""What cannot be done is told once, changes nothing else, and is tried again if that can help."""

import pytest

from duologue.events import Error, SessionClose
from duologue.lane.judging import JudgingPatience
from duologue.states import State
from tests.unit.session.stage import TICK_MS, Setting, Stage, assistant, story, user

TOO_LONG = "zqjzqjzqjzqj"
"""It fits no context of this module, and is too short to be heard in parts."""
LONG = "I am quite well today, thank you for asking me."


def test_an_unknown_segment_is_refused() -> None:
    stage = Stage()
    (told,) = stage.revise("How", "nowhere")
    assert isinstance(told, Error)
    assert told.code == "invalid_input"
    assert "'nowhere'" in told.message
    assert stage.session.is_silent
    assert stage.tick(20) == []


def test_a_change_of_a_final_segment_is_refused() -> None:
    stage = Stage()
    stage.say("How", is_final=True)
    assert story(stage.say(" are you?")) == ["error: invalid_input"]
    assert stage.session.utterance == "How"


def test_a_text_beyond_all_bounds_is_refused() -> None:
    stage = Stage()
    assert story(stage.say("x" * 200_000)) == ["error: capacity_exceeded"]
    assert stage.session.is_silent


def test_a_text_that_is_no_unicode_is_refused() -> None:
    stage = Stage()
    assert story(stage.say("\ud800")) == ["error: invalid_input"]
    assert stage.session.is_silent


def test_a_refused_change_does_not_break_the_silence() -> None:
    stage = Stage()
    stage.say("I wonder", is_final=True)
    for _ in range(4):
        stage.tick()
        stage.say(" why")
    stage.tick()
    assert stage.slices[-1].patience is JudgingPatience.LOW


@pytest.mark.parametrize("response_id", [0, 1, 7])
def test_a_report_on_an_unknown_reply_is_refused(response_id: int) -> None:
    stage = Stage()
    (told,) = stage.ack(response_id, 3)
    assert isinstance(told, Error)
    assert f"response_id {response_id} is not known" in told.message


def test_a_closed_session_takes_nothing() -> None:
    stage = Stage()
    stage.say("How are you?")
    stage.send(SessionClose())
    assert stage.tick(20) == []
    for told in (stage.say("Hello?"), stage.cancel(), stage.send(SessionClose())):
        assert story(told) == ["error: invalid_input"]
        assert "closed" in told[0].message  # type: ignore[union-attr]


def test_errors_are_counted_with_the_other_events() -> None:
    stage = Stage()
    stage.revise("How", "nowhere")
    stage.say("How are you?")
    stage.tick()
    stage.ack(9, 1)
    stage.check()
    assert [type(envelope.event).__name__ for envelope in stage.envelopes][-1] == "Error"


# No room for an utterance.


def cramped() -> Stage:
    """Ten tokens of an utterance have room; a part may have more."""
    return Stage(Setting(replies=("Fine.",), max_positions=88))


def test_an_utterance_that_can_never_fit_is_refused_once() -> None:
    stage = cramped()
    stage.say(TOO_LONG)
    assert story(stage.settle()) == ["error: invalid_input"]
    assert stage.engine.lane.utterance == []


def test_after_a_refused_utterance_the_session_hears_again() -> None:
    stage = cramped()
    stage.say(TOO_LONG, is_final=True)
    stage.tick()
    stage.say("How?", "b")
    stage.settle()
    assert stage.entries == [user("How?"), assistant("Fine.")]


def test_an_utterance_that_grows_too_long_leaves_as_a_whole() -> None:
    """Half of it is no use, and the rest would be taken for something said by itself."""
    stage = cramped()
    for _ in range(40):
        stage.say("zqj")
        stage.tick()
        if "error: invalid_input" in stage.story:
            break
    assert stage.story.count("error: invalid_input") == 1
    was_silent = stage.session.is_silent
    assert not was_silent, "the engine still has the beginning"
    assert stage.settle() == []
    assert stage.engine.lane.utterance == []
    assert stage.session.is_silent


def test_a_refused_utterance_can_be_said_in_fewer_words() -> None:
    stage = cramped()
    stage.say(TOO_LONG)
    stage.tick()
    stage.revise("zq?")
    stage.settle()
    assert stage.entries[0] == user("zq?")


def test_text_during_the_refused_slice_is_not_lost() -> None:
    stage = cramped()
    stage.say(TOO_LONG)
    stage.depart()
    stage.say("How?", "b")
    assert story(stage.arrive()) == ["error: invalid_input"]
    stage.settle()
    assert stage.entries[0] == user("How?")


def test_a_refused_utterance_leaves_the_reply_alone() -> None:
    stage = Stage(Setting(replies=(LONG,), max_positions=110))
    stage.say("How are you?")
    stage.tick(2)
    stage.say(TOO_LONG, "b")
    told = story(stage.settle())
    assert told.count("error: invalid_input") == 1
    assert stage.shown(1) == LONG


# No room for cells.


def test_after_a_refusal_for_want_of_room_a_second_passes() -> None:
    stage = Stage()
    stage.engine.fails_after_forwards = 0
    stage.say("How are you?")
    tried_ms = []
    for _ in range(20):
        num_slices = len(stage.slices)
        stage.tick()
        if len(stage.slices) > num_slices:
            tried_ms.append(stage.clock.now_ms())
    assert tried_ms == [160, 1280, 2400]
    assert stage.story == ["error: capacity_exceeded"] * 3, "told once for each attempt"


def test_with_room_again_the_query_is_answered() -> None:
    stage = Stage()
    stage.engine.fails_after_forwards = 0
    stage.say("How are you?")
    stage.tick()
    stage.engine.fails_after_forwards = None
    stage.settle()
    assert stage.entries == [user("How are you?"), assistant("Fine.")]


@pytest.mark.parametrize("wait_ms", [0, 700, 2000])
@pytest.mark.parametrize("text", ["I wonder", "Tell me please", "How are you?", "la la"])
def test_a_judgement_that_failed_is_made_later(text: str, wait_ms: float) -> None:
    """Whichever patience it was that could not judge."""
    stage = Stage()
    stage.say(text)
    if wait_ms:
        stage.tick()
        stage.wait(wait_ms - TICK_MS)
        stage.engine.rest()  # else silence would need no forward
    stage.engine.fails_after_forwards = 0
    stage.tick()
    stage.engine.fails_after_forwards = None
    stage.settle()
    assert stage.states[-1][0] in (State.QUERY, State.NON_QUERY)
    assert len(stage.entries) >= 1
    assert stage.session.utterance == ""


def test_a_committed_judgement_that_failed_is_made_later() -> None:
    stage = Stage(reconsider_after_ms=60_000, decide_after_ms=60_000)
    stage.say("I wonder")
    stage.commit()
    stage.engine.fails_after_forwards = 0
    stage.tick()
    stage.engine.fails_after_forwards = None
    stage.tick(10)
    assert stage.entries[0] == user("I wonder")


def test_a_judgement_that_failed_is_made_later_however_long_the_patience() -> None:
    stage = Stage(reconsider_after_ms=60_000, decide_after_ms=60_000)
    stage.say("How are you?")
    stage.engine.fails_after_forwards = 0
    stage.tick()
    stage.engine.fails_after_forwards = None
    stage.tick(10)
    assert stage.entries[0] == user("How are you?")


@pytest.mark.parametrize("forwards", range(6))
@pytest.mark.parametrize("strategy", ["duo", "tdm", "turn"])
def test_a_reply_goes_on_after_a_refusal(strategy: str, forwards: int) -> None:
    """Wherever in a slice the room ran out, and with the user cutting in or not."""
    stage = Stage(Setting(replies=(LONG, "Second.")), strategy=strategy, look_ahead_tokens=1)
    stage.say("How are you?")
    stage.commit()
    stage.tick(2)
    stage.say("well", "b")
    stage.engine.fails_after_forwards = forwards
    stage.tick()
    stage.engine.fails_after_forwards = None
    stage.tick(8)
    shown = stage.shown(1)
    assert LONG.startswith(shown)
    assert len(shown) > len("I am quite well")


def test_a_reply_that_ended_before_the_refusal_is_over() -> None:
    stage = Stage(Setting(replies=("Very well.",)), look_ahead_tokens=8, reply_tokens_per_slice=8)
    stage.say("How are you?")
    stage.tick()
    assert "1 done: stop" not in stage.story
    stage.say("well", "b")
    stage.engine.fails_after_forwards = 6
    assert story(stage.tick()) == ["error: capacity_exceeded", "1 says: l.", "1 done: stop"]
    stage.engine.fails_after_forwards = None
    stage.settle()
    assert stage.entries[1] == assistant("Very well.")
    assert "[user: How are you?][reply: Very well.]" in stage.trunk
