"""Responses that the caller wants and that no utterance asks for."""

from typing import Any

import pytest

from duologue.events import Error, Interrupted, ResponseCreate, ServerEvent
from duologue.lane.steps import Begin, Promote
from duologue.session.asking import MAX_WAITING_RESPONSES
from duologue.session.transcript import Outcome, Role
from tests.unit.session.chronicles import new_chronicle
from tests.unit.session.stage import CONFIRMED, Setting, Stage, assistant, story, user

HELLO = "Hello, naïve 天气 👩‍👩‍👧, how may I help you today?"
LONG = "I am quite well today, thank you for asking me so kindly."
SPEAKING = ["duo", "tdm", "turn"]


def asking(setting: Setting | None = None, **decoding: Any) -> Stage:
    return Stage(setting or Setting(replies=(LONG, "Fine.")), **decoding)


def ask(stage: Stage, text: str = "", instructions: str = "") -> list[ServerEvent]:
    return stage.send(ResponseCreate(instructions, text))


def errors(events: list[ServerEvent]) -> list[str]:
    return [event.message for event in events if isinstance(event, Error)]


@pytest.mark.parametrize("strategy", SPEAKING)
@pytest.mark.parametrize("floor", [CONFIRMED, Setting().floor])
def test_the_assistant_greets(strategy: str, floor: Any) -> None:
    stage = asking(Setting(replies=(LONG,), floor=floor), strategy=strategy)
    assert ask(stage, f" {HELLO} ") == []
    assert story(stage.settle()) == ["1 starts", f"1 says: {HELLO}", "1 done: stop"]
    if strategy != "tdm":  # whose idle token may stand within a character
        assert stage.trunk == f"[reply: {HELLO}]"
    assert stage.entries == [assistant(HELLO)]
    assert stage.session.is_silent


@pytest.mark.parametrize("strategy", SPEAKING)
def test_the_model_speaks_on_with_instructions(strategy: str) -> None:
    stage = asking(strategy=strategy)
    ask(stage, instructions="Greet them.")
    assert story(stage.settle()) == ["1 starts", f"1 says: {LONG}", "1 done: stop"]
    assert stage.trunk.replace("·", "") == f"[note: Greet them.][reply: {LONG}]"
    noted = (Role.SYSTEM, "Greet them.", Outcome.NOTED)
    assert stage.entries == [noted, assistant(LONG)]


def test_what_is_given_goes_at_the_pace_of_any_reply() -> None:
    stage = asking(reply_tokens_per_slice=4)
    ask(stage, HELLO)
    stage.tick()
    assert 0 < len(stage.shown(1)) < len(HELLO)
    assert stage.session.lane.num_reply_tokens == 4


def test_it_begins_when_what_is_being_said_is_over() -> None:
    stage = asking()
    stage.say("How is it?")
    stage.tick()
    ask(stage, "One moment.")
    ask(stage, "Another one.")
    told = story(stage.settle())
    assert told[-6:] == [
        *("2 starts", "2 says: One moment.", "2 done: stop"),
        *("3 starts", "3 says: Another one.", "3 done: stop"),
    ]
    assert (
        stage.trunk == f"[user: How is it?][reply: {LONG}][reply: One moment.][reply: Another one.]"
    )


def test_the_user_cuts_it_and_what_was_heard_stays() -> None:
    stage = asking(Setting(replies=("Fine.",)), reply_tokens_per_slice=4)
    ask(stage, HELLO)
    stage.tick(2)
    heard = stage.shown(1)
    assert heard
    stage.say("How is it?")
    told = stage.tick()
    assert Interrupted(1, len(heard)) in told
    stage.settle()
    assert stage.trunk == f"[reply: {heard}][user: How is it?][reply: Fine.]"
    cut = assistant(heard, Outcome.CUT)
    assert stage.entries == [cut, user("How is it?"), assistant("Fine.")]


def test_it_goes_on_word_for_word_when_the_cut_was_a_mistake() -> None:
    setting = Setting(replies=("Fine.",), floor=CONFIRMED)
    stage = asking(setting, reply_tokens_per_slice=4, continues_within_ms=1000)
    ask(stage, HELLO)
    stage.tick(2)
    stage.say("And there?", "b")
    stage.tick()
    assert any(isinstance(step, Promote) for step in stage.steps)
    stage.say(" uh mhm", "b")
    stage.settle()
    assert stage.shown(1) == HELLO
    assert stage.trunk == f"[reply: {HELLO}]"


def test_it_waits_behind_a_reply_that_keeps_silent_on_demand() -> None:
    stage = asking()
    stage.say("How is it?", "a")
    stage.tick()
    stage.say("hush", "b")
    stage.tick()
    ask(stage, "One moment.")
    assert story(stage.settle()) == []
    assert stage.session.is_silent
    stage.say("go on", "c")
    assert story(stage.settle())[-3:] == ["2 starts", "2 says: One moment.", "2 done: stop"]


def test_one_that_is_cut_in_its_first_slice_is_told_of() -> None:
    stage = asking(Setting(replies=("Fine.",)))
    ask(stage, HELLO)
    stage.say("How is it?")
    told = story(stage.tick())
    assert told[0] == "1 starts"
    assert "1 interrupted at 0" in told
    assert "1 done: interrupted" in told
    assert "2 starts" in told


def test_what_was_said_before_it_stands() -> None:
    stage = asking(Setting(replies=("Fine.",)), continues_within_ms=5000)
    stage.say("How is it?")
    stage.tick(2)
    ask(stage, HELLO)
    stage.tick()
    stage.say(" in Paris?")
    stage.settle()
    assert stage.entries[:2] == [user("How is it?"), assistant("Fine.")]
    assert sum(isinstance(step, Begin) for step in stage.steps) == 1


def test_a_cancellation_is_for_those_that_wait_too() -> None:
    stage = asking()
    stage.say("How is it?")
    stage.tick()
    ask(stage, HELLO)
    stage.cancel()
    stage.settle()
    assert stage.session.state.num_responses == 1


def test_refusals() -> None:
    stage = asking(max_reply_tokens=4)
    (message,) = errors(ask(stage, HELLO))
    assert message.startswith("response_create.text must have at most 4 tokens")
    (message,) = errors(ask(stage, "  "))
    assert message.startswith("response_create.text must be more than white space")
    (message,) = errors(ask(stage, instructions=" \n"))
    assert message.startswith("response_create.instructions must be more than white space")
    for _ in range(MAX_WAITING_RESPONSES):
        assert ask(stage) == []
    (message,) = errors(ask(stage))
    assert message.startswith("at most 4 responses may wait")
    (message,) = errors(ask(Stage(strategy="listen")))
    assert "assistant_said" in message


def test_a_repeat_is_passed_over() -> None:
    chronicle = new_chronicle()
    for _ in range(2):
        chronicle.receive(1, ResponseCreate(text=HELLO), 0.0, 0)
    assert len(chronicle.session.state.waiting) == 1
