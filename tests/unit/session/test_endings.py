"""A reply also ends when the client cancels it, or when it comes to a stop string."""

import pytest

from duologue.session.transcript import Outcome
from tests.unit.session.stage import Setting, Stage, assistant, story, user

LONG = "I am quite well today, thank you for asking me."


def speaking(setting: Setting | None = None) -> Stage:
    stage = Stage(setting or Setting(replies=(LONG, "Second.")))
    stage.say("How are you?")
    stage.tick(2)
    return stage


# Cancelling.


@pytest.mark.parametrize("response_id", [None, 1])
def test_a_cancelled_reply_ends_and_keeps_what_was_shown(response_id: int | None) -> None:
    stage = speaking()
    assert stage.cancel(response_id) == []
    assert story(stage.settle()) == ["1 done: cancelled"]
    assert stage.shown(1) == "I am quite "
    assert stage.trunk == "[user: How are you?][reply: I am quite ]"
    assert stage.entries[1:] == [assistant("I am quite ", Outcome.CUT)]
    assert stage.session.is_silent


def test_a_cancel_in_silence_does_not_wait_for_the_next_reply() -> None:
    stage = Stage(Setting(replies=("Fine.",)))
    stage.cancel()
    stage.say("How are you?")
    stage.settle()
    assert stage.story[-1] == "1 done: stop"


def test_a_cancel_of_a_reply_that_is_over_is_left_alone() -> None:
    stage = Stage(Setting(replies=("Fine.", LONG)))
    stage.say("How are you?")
    stage.settle()
    stage.say("And who?", "b")
    stage.tick(2)
    assert stage.cancel(1) == []
    assert stage.settle()[-1:] != []
    assert stage.shown(2) == LONG


def test_a_cancel_of_an_older_reply_does_not_undo_another() -> None:
    stage = Stage(Setting(replies=("Fine.", LONG)))
    stage.say("How are you?")
    stage.settle()
    stage.say("And who?", "b")
    stage.tick(2)
    stage.cancel(2)
    stage.cancel(1)
    assert story(stage.settle()) == ["2 done: cancelled"]


@pytest.mark.parametrize("response_id", [0, 2, -1])
def test_a_cancel_of_an_unknown_reply_is_refused(response_id: int) -> None:
    stage = speaking()
    assert story(stage.cancel(response_id)) == ["error: invalid_input"]
    stage.settle()
    assert stage.shown(1) == LONG


def test_the_next_reply_is_not_cancelled_too() -> None:
    stage = speaking()
    stage.cancel()
    stage.tick()
    stage.say("And who?", "b")
    stage.settle()
    assert stage.story[-1] == "2 done: stop"


def test_a_cancel_and_a_query_in_one_tick() -> None:
    stage = Stage(Setting(replies=(LONG, "Yes.")), reply_tokens_per_slice=16)
    stage.say("How are you?")
    stage.tick()
    shown = stage.shown(1)
    stage.cancel()
    stage.say("Really?", "b")
    assert story(stage.tick()) == [
        "1 done: cancelled",
        "query: Really?",
        "2 starts",
        "2 says: Yes.",
        "2 done: stop",
    ]
    assert stage.entries[1:] == [
        assistant(shown, Outcome.CUT),
        user("Really?"),
        assistant("Yes."),
    ]


def test_a_cancel_of_a_held_reply_keeps_what_was_heard() -> None:
    stage = speaking()
    stage.ack(1, 4)
    stage.tick(12)
    stage.cancel()
    assert stage.settle() == [], "the client knows already that no more text follows"
    assert stage.trunk == "[user: How are you?][reply: I am]"
    assert stage.entries[1] == assistant("I am", Outcome.CUT)


def test_an_utterance_outlasts_a_cancel() -> None:
    stage = speaking()
    stage.say("I wonder", "b")
    stage.tick()
    stage.cancel()
    stage.settle()
    assert "[user: I wonder]" in stage.trunk


# Stop strings.


def stopped(reply: str, *stop_strings: str, tokens_per_slice: int = 4) -> Stage:
    stage = Stage(
        Setting(replies=(reply, "Second."), stop_strings=stop_strings),
        reply_tokens_per_slice=tokens_per_slice,
    )
    stage.say("How are you?")
    stage.settle()
    return stage


@pytest.mark.parametrize("tokens_per_slice", [1, 2, 3, 4, 64])
def test_a_reply_ends_before_a_stop_string_wherever_slices_end(tokens_per_slice: int) -> None:
    stage = stopped("I am well. ### And you", "###", tokens_per_slice=tokens_per_slice)
    assert story(stage.events) == [
        "query: How are you?",
        "1 starts",
        "1 says: I am well. ",
        "1 done: stop_string",
    ]
    assert stage.trunk == "[user: How are you?][reply: I am well. ]"
    assert stage.entries[1] == assistant("I am well. ")
    assert stage.session.is_silent


@pytest.mark.parametrize("tokens_per_slice", [1, 4, 64])
def test_a_stop_string_may_be_the_end_of_the_reply(tokens_per_slice: int) -> None:
    """The last character is kept back until the reply ends, and only then completes the string."""
    stage = stopped("I am well. ###", "###", tokens_per_slice=tokens_per_slice)
    assert story(stage.events)[2:] == ["1 says: I am well. ", "1 done: stop_string"]
    assert stage.trunk == "[user: How are you?][reply: I am well. ]"


@pytest.mark.parametrize("tokens_per_slice", [1, 4, 64])
def test_the_beginning_of_a_stop_string_is_shown_in_the_end(tokens_per_slice: int) -> None:
    stage = stopped("I am well. ##", "###", tokens_per_slice=tokens_per_slice)
    assert story(stage.events)[2:] == ["1 says: I am well. ##", "1 done: stop"]
    assert stage.trunk == "[user: How are you?][reply: I am well. ##]"
    assert stage.entries[1] == assistant("I am well. ##")


def test_what_was_held_for_a_stop_string_leaves_with_an_interruption() -> None:
    setting = Setting(replies=("One two. #### And so on.", "Yes."), stop_strings=("######",))
    stage = Stage(setting, reply_tokens_per_slice=1)
    stage.say("How?")
    for _ in range(100):
        stage.tick()
        if "##" in stage.setup.tokenizer.decode(stage.engine.lane.reply):
            break
    stage.say("And?", "b")
    stage.settle()
    assert stage.shown(1) == "One two. "
    assert stage.trunk == "[user: How?][reply: One two. ][user: And?][reply: Yes.]"


def test_a_stopped_reply_makes_room_for_the_next() -> None:
    stage = stopped("Well. ### no", "###")
    stage.say("And?", "b")
    stage.settle()
    assert stage.shown(2) == "Second."


def test_a_stopped_reply_says_no_more_while_it_is_being_heard() -> None:
    stage = Stage(Setting(replies=("I am well. ### And you", "Yes."), stop_strings=("###",)))
    stage.say("How?")
    stage.tick()
    stage.ack(1, 3)
    stage.tick(10)
    assert stage.story[-1] == "1 done: stop_string"
    said = len(stage.engine.lane.reply)
    num_slices = len(stage.slices)
    stage.tick(10)
    assert len(stage.slices) == num_slices
    stage.say("mhm", "b")
    assert story(stage.tick()) == ["non_query: mhm", "1 resumes"]
    assert len(stage.engine.lane.reply) == said
    stage.ack(1, len("I am well. "))
    stage.settle()
    assert stage.trunk == "[user: How?][reply: I am well. ]"
    assert stage.entries[-1] == assistant("I am well. ")


def test_a_stopped_reply_can_be_interrupted_while_it_is_being_heard() -> None:
    stage = Stage(Setting(replies=("I am well. ### And you", "Yes."), stop_strings=("###",)))
    stage.say("How?")
    stage.tick()
    stage.ack(1, 3)
    stage.tick(10)
    stage.say("And?", "b")
    assert story(stage.tick())[:3] == ["query: And?", "1 interrupted at 3", "2 starts"]
    stage.settle()
    assert stage.trunk.startswith("[user: How?][reply: I a][user: And?]")
