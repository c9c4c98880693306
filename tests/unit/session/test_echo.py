"""Words of the assistant's that come back through the microphone are no query."""

import pytest

from duologue.events import InputState, StateReason
from duologue.floor_settings import ListeningSettings
from duologue.session.transcript import Outcome, Role
from duologue.states import State
from tests.unit.session.scenes import num_started, scene
from tests.unit.session.stage import LISTENING, Stage, assistant, story, user

REPLY = "Are you quite well today? And who would not be, with the sun so bright? Ask me more."
ECHO = "are you quite well today?"


def speaking(listening: ListeningSettings = LISTENING) -> Stage:
    """The reply was shown as far as "bright"."""
    stage = scene(REPLY, "Second.", listening=listening)
    stage.say("How are you?")
    while "bright" not in stage.shown(1):
        stage.tick()
    return stage


def said(stage: Stage) -> list[str]:
    return [text for role, text, _ in stage.entries if role is Role.USER]


def test_an_echo_is_passed_over_and_nobody_reads_it() -> None:
    stage = speaking()
    (told,) = stage.say(ECHO, "b")[:1]
    assert isinstance(told, InputState)
    assert (told.state, told.reason, told.text) == (State.NON_QUERY, StateReason.ECHO, ECHO)
    assert told.segment_ids == ("b",)
    stage.settle()
    assert not any(ECHO in text for _, text in stage.states[2:])
    assert "1 pauses" not in stage.story
    assert stage.shown(1) == REPLY
    assert stage.entries == [
        user("How are you?"),
        user(ECHO, Outcome.IGNORED),
        assistant(REPLY),
    ]
    assert stage.trunk == f"[user: How are you?][reply: {REPLY}]"


def test_an_echo_that_comes_in_pieces_is_one() -> None:
    stage = speaking()
    for piece in ("are", " you quite", " well", " today", "? and who would"):
        stage.say(piece, "b")
        stage.tick()
    stage.settle()
    assert stage.shown(1) == REPLY
    assert num_started(stage) == 1
    assert stage.trunk == f"[user: How are you?][reply: {REPLY}]"


def test_whoever_says_something_else_behind_it_is_heard() -> None:
    stage = speaking()
    stage.say(ECHO, "b")
    stage.say(" But why?", "b")
    stage.settle()
    assert num_started(stage) == 2
    assert "But why?" in said(stage)[-1]


def test_a_few_words_are_no_echo() -> None:
    stage = speaking()
    stage.say("quite well today?", "b")
    stage.settle()
    assert num_started(stage) == 2


@pytest.mark.parametrize("words", ["quite well today?", "today?"])
def test_what_may_become_an_echo_silences_nobody(words: str) -> None:
    stage = speaking()
    stage.say(words, "b")
    stage.wait()
    stage.depart()
    stage.arrive()
    assert words in stage.states[-1]
    stage.say(" And who would not be", "b")
    stage.settle()
    assert "1 pauses" not in stage.story
    assert stage.shown(1) == REPLY
    assert num_started(stage) == 1


@pytest.mark.parametrize("words", ["well?", "quite right?", "tomorrow?"])
def test_what_is_too_short_or_was_not_said_does(words: str) -> None:
    stage = speaking()
    stage.say(words, "b")
    stage.wait()
    stage.depart()
    stage.arrive()
    assert "1 pauses" in stage.story


def test_words_of_the_assistants_behind_which_nothing_comes_are_a_query() -> None:
    stage = speaking()
    stage.say("quite well today?", "b")
    stage.settle()
    assert num_started(stage) == 2
    assert "1 pauses" not in stage.story
    assert stage.entries[-1] == assistant("Second.")


def test_nor_is_what_the_assistant_has_not_said() -> None:
    stage = speaking()
    stage.say("are you quite ill today?", "b")
    stage.settle()
    assert num_started(stage) == 2


@pytest.mark.parametrize(("ms", "is_echo"), [(4_000, True), (6_000, False)])
def test_an_echo_follows_soon(ms: float, is_echo: bool) -> None:
    stage = speaking()
    stage.settle()
    stage.elapse(ms - 5 * 160)  # what the end and three ticks of silence have taken, at most
    stage.elapse(160 if is_echo else 1000)
    stage.say(ECHO, "b")
    stage.settle()
    assert num_started(stage) == (1 if is_echo else 2)


def test_an_echo_behind_a_held_query_leaves_its_reply() -> None:
    stage = speaking()
    stage.say("But why?", "b")
    stage.tick()
    stage.say(ECHO, "c")
    stage.settle()
    assert said(stage) == ["How are you?", "But why?", ECHO]
    assert stage.shown(2) == "Second."
    assert not any(work.reopens for work in stage.slices)


def test_an_echo_during_a_slice_undoes_what_was_made_of_its_beginning() -> None:
    stage = speaking(listening=ListeningSettings(echo_words=3))
    stage.say("are you?", "b")
    stage.wait()
    stage.depart()
    stage.revise("are you quite well today?", "b")
    stage.arrive()
    stage.settle()
    assert stage.shown(1) == REPLY
    assert num_started(stage) == 1
    assert stage.trunk == f"[user: How are you?][reply: {REPLY}]"


def test_it_can_be_turned_off() -> None:
    stage = speaking(listening=ListeningSettings(echo_within_ms=0))
    assert story(stage.say(ECHO, "b")) == []
    stage.settle()
    assert num_started(stage) == 2
