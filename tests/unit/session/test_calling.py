"""Calls of tools: sent once and for good, while the conversation goes on."""

import json
from typing import Any

import pytest

from duologue.events import Error, ResponseCreate, ServerEvent, ToolCall
from duologue.session.calling import MAX_OPEN_CALLS
from duologue.session.transcript import Outcome, Role
from duologue.session_config import SessionConfig
from duologue.tools import Tool
from tests.unit.session.stage import CONFIRMED, EAGER, Setting, Stage, assistant, story, user

WEATHER = Tool("weather", "How it is somewhere.", '{"type": "object", "properties": {"at": {}}}')
CLOCK = Tool("clock", "What time it is.")
TOOLS = (WEATHER, CLOCK)


def call(name: str = "weather", **arguments: Any) -> str:
    written = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    return f"<call>{written}</call>"


RAIN = call(at="Köln")
LOOKING = "Let me look, one moment please."
ANSWER = "It pours in Köln."
WRITTEN = '{"name": "weather", "arguments": {"at": "Köln"}}'
CALLED = (Role.ASSISTANT, WRITTEN, Outcome.CALLED)


def calling(*replies: str, floor: Any = EAGER, **decoding: Any) -> Stage:
    return Stage(Setting(replies=replies, floor=floor, tools=TOOLS), **decoding)


def calls(events: list[ServerEvent]) -> list[ToolCall]:
    return [event for event in events if isinstance(event, ToolCall)]


def errors(events: list[ServerEvent]) -> list[str]:
    return [f"{event.code}: {event.message}" for event in events if isinstance(event, Error)]


def result(output: str) -> tuple[Role, str, Outcome]:
    return (Role.TOOL, output, Outcome.NOTED)


@pytest.mark.parametrize("strategy", ["duo", "turn"])
@pytest.mark.parametrize("floor", [EAGER, CONFIRMED])
@pytest.mark.parametrize("said", ["", LOOKING])
def test_a_call_its_result_and_the_answer(strategy: str, floor: Any, said: str) -> None:
    stage = calling(said + RAIN, ANSWER, floor=floor, strategy=strategy)
    stage.say("Rain?", is_final=True)
    stage.commit()
    told = story(stage.settle())
    says = [f"1 says: {said}"] if said else []
    called = '1 calls weather {"at": "Köln"} as call_1'
    assert told[-3 - len(says) :] == ["1 starts", *says, called, "1 done: stop"]
    assert stage.result("call_1", " It pours. ") == []
    assert story(stage.settle()) == ["2 starts", f"2 says: {ANSWER}", "2 done: stop"]
    replied = f"[reply: {said}]" if said else ""
    assert stage.trunk == (
        f"[user: Rain?]{replied}[reply: {RAIN}][result: It pours.][reply: {ANSWER}]"
    )
    entries = [assistant(said)] if said else []
    assert stage.entries == [
        *(user("Rain?"), *entries, CALLED, result("It pours.")),
        assistant(ANSWER),
    ]
    assert stage.session.is_silent


def test_the_model_knows_its_tools() -> None:
    stage = calling()
    opening = stage.spelled(stage.setup.opening)
    assert opening.startswith("[note: Be brief.\nTools: ")
    assert '{"name": "weather", "description": "How it is somewhere."' in opening
    assert opening.endswith('"parameters": {"type": "object", "properties": {}}}]')


def test_no_letter_of_a_call_is_shown_whatever_the_slices() -> None:
    stage = calling(LOOKING + RAIN, reply_tokens_per_slice=1)
    stage.say("Rain?")
    stage.settle(max_ticks=400)
    assert stage.shown(1) == LOOKING
    assert len(calls(stage.events)) == 1


def test_what_only_looks_like_a_call_is_said() -> None:
    stage = calling("If a <cal> or a <call", reply_tokens_per_slice=1)
    stage.say("What?")
    stage.settle(max_ticks=400)
    assert stage.shown(1) == "If a <cal> or a <call"


def test_the_user_talks_on_while_a_call_waits() -> None:
    stage = calling(RAIN, "Fine.", ANSWER)
    stage.say("Rain?", "a")
    stage.settle()
    stage.say("How is it?", "b")
    assert story(stage.settle())[-3:] == ["2 starts", "2 says: Fine.", "2 done: stop"]
    stage.say("mhm", "c")
    stage.settle()
    stage.result("call_1", "It pours.")
    assert story(stage.settle()) == ["3 starts", f"3 says: {ANSWER}", "3 done: stop"]
    assert stage.trunk == (
        f"[user: Rain?][reply: {RAIN}][user: How is it?][reply: Fine.]"
        f"[result: It pours.][reply: {ANSWER}]"
    )


def test_the_result_waits_until_the_reply_of_then_is_over() -> None:
    stage = calling(RAIN, LOOKING, ANSWER, reply_tokens_per_slice=2)
    stage.say("Rain?", "a")
    stage.settle()
    stage.say("How is it?", "b")
    stage.tick(2)
    stage.result("call_1", "It pours.")
    assert story(stage.settle())[-4:] == [
        *("2 done: stop", "3 starts", f"3 says: {ANSWER}", "3 done: stop"),
    ]


@pytest.mark.parametrize("promotion", ["rebase", "branch"])
def test_a_call_stays_when_the_text_before_it_is_cut(promotion: str) -> None:
    stage = calling(LOOKING + RAIN, "Fine.", ANSWER, promotion=promotion)
    stage.change(SessionConfig(reports_playback=True))
    stage.say("Rain?", "a")
    stage.tick()
    stage.ack(1, len("Let me"))
    for _ in range(40):
        stage.tick()
        stage.ack(1, len("Let me"))  # the player has not come further
    assert len(calls(stage.events)) == 1
    stage.say("How is it?", "b")
    stage.settle()
    heard = "[reply: Let me]" if promotion == "rebase" else ""
    assert stage.trunk.startswith(f"[user: Rain?]{heard}[reply: {RAIN}][user: How is it?]")
    stage.ack(2, 100)
    stage.settle()
    stage.result("call_1", "It pours.")
    stage.settle()
    assert stage.shown(3) == ANSWER
    assert len(calls(stage.events)) == 1


def test_a_reply_that_is_cut_before_its_call_is_whole_calls_nothing() -> None:
    stage = calling(LOOKING + RAIN, "Fine.", reply_tokens_per_slice=2)
    stage.say("Rain?", "a")
    stage.tick(6)
    assert stage.session.response is not None
    assert stage.session.response.end is None
    stage.say("How is it?", "b")
    stage.settle()
    assert calls(stage.events) == []
    assert "<call>" not in stage.trunk


def test_a_turn_that_is_taken_back_before_it_is_confirmed_never_calls() -> None:
    stage = calling(RAIN, call("clock"), floor=CONFIRMED, continues_within_ms=1000)
    stage.say("Rain?", "a")
    stage.tick(2)
    assert stage.session.response is not None
    assert stage.session.response.has_unsent_calls
    assert calls(stage.events) == []
    stage.say(" Or time?", "a")
    stage.settle()
    assert [each.name for each in calls(stage.events)] == ["clock"]
    assert stage.trunk == f"[user: Rain? Or time?][reply: {call('clock')}]"


def test_what_was_called_is_not_taken_back_any_more() -> None:
    stage = calling(RAIN, "Fine.", continues_within_ms=10_000)
    stage.say("Rain?", "a")
    stage.tick(40)
    assert len(calls(stage.events)) == 1
    stage.say(" Or snow?", "a")
    told = story(stage.settle())
    assert "2 says: Fine." in told
    assert stage.trunk == f"[user: Rain?][reply: {RAIN}][user: Or snow?][reply: Fine.]"


def test_a_reply_that_keeps_silent_on_demand_calls_when_it_goes_on() -> None:
    stage = calling(LOOKING + RAIN, floor=CONFIRMED, reply_tokens_per_slice=4)
    stage.say("Rain?", "a", is_final=True)
    stage.commit()
    stage.tick()
    stage.say("hush", "b")
    stage.settle()
    assert calls(stage.events) == []
    stage.say("go on", "c")
    stage.settle()
    assert len(calls(stage.events)) == 1


def test_cancelling_a_reply_calls_nothing() -> None:
    stage = calling(LOOKING + RAIN, reply_tokens_per_slice=2)
    stage.say("Rain?")
    stage.tick(3)
    stage.cancel()
    stage.settle()
    assert calls(stage.events) == []


def test_several_calls_are_answered_in_any_order_and_once() -> None:
    stage = calling(RAIN + call("clock"), ANSWER)
    stage.say("Rain?")
    stage.settle()
    assert [each.call_id for each in calls(stage.events)] == ["call_1", "call_2"]
    stage.result("call_2", "Noon.")
    stage.settle()
    assert stage.shown(2) == ""
    stage.result("call_1", "It pours.")
    stage.settle()
    assert stage.shown(2) == ANSWER
    assert stage.trunk == (
        f"[user: Rain?][reply: {RAIN}{call('clock')}][result: Noon.][result: It pours.]"
        f"[reply: {ANSWER}]"
    )


def test_a_silent_result_is_known_and_nothing_is_said() -> None:
    stage = calling(RAIN, ANSWER)
    stage.say("Rain?")
    stage.settle()
    stage.result("call_1", "", is_silent=True)
    assert stage.settle() == []
    assert stage.trunk == f"[user: Rain?][reply: {RAIN}][result: ]"


def test_the_answer_may_call_again() -> None:
    stage = calling(RAIN, call("clock"), ANSWER)
    stage.say("Rain?")
    stage.settle()
    stage.result("call_1", "It pours.")
    stage.settle()
    stage.result("call_2", "Noon.")
    stage.settle()
    assert stage.shown(3) == ANSWER
    assert [each.response_id for each in calls(stage.events)] == [1, 2]


@pytest.mark.parametrize("call_id", ["call_2", "", "call_1"])
def test_a_result_belongs_to_a_call_that_waits(call_id: str) -> None:
    stage = calling(RAIN, ANSWER)
    stage.say("Rain?")
    stage.settle()
    if call_id == "call_1":
        stage.result("call_1", "It pours.")
        stage.settle()
    before = stage.trunk
    (told,) = errors(stage.result(call_id, "It snows."))
    assert told.startswith("invalid_input: tool_result.call_id must be one of the calls that wait")
    assert stage.settle() == []
    assert stage.trunk == before


def test_a_result_that_never_fits_is_refused_and_another_one_taken() -> None:
    stage = Stage(
        Setting(replies=(RAIN, ANSWER), tools=TOOLS, max_positions=700), max_reply_tokens=80
    )
    stage.say("Rain?")
    stage.settle()
    (told,) = errors(stage.result("call_1", "It pours. " * 200))
    assert told.startswith("invalid_input: tool_result.output must have at most")
    assert errors(stage.result("call_1", "It pours.")) == []
    stage.settle()
    assert stage.shown(2) == ANSWER


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("<call>weather(Köln)</call>", "it is no JSON"),
        ('<call>{"name": "weather", "arguments": {"at": </call>', "it is no JSON"),
        ('<call>{"name": "weather", "arguments": {"at": NaN}}</call>', "it is no JSON"),
        ('<call>{"arguments": {}}</call>', "it names no tool"),
        ('<call>["weather"]</call>', "it names no tool"),
        (call("snow"), "there is no tool 'snow', only clock, weather"),
        ('<call>{"name": "clock", "arguments": [1]}</call>', "its arguments are no JSON object"),
        ("<call>" + "[" * 1_200, "it is no JSON"),
    ],
)
def test_what_cannot_be_followed_is_told_and_not_called(reply: str, reason: str) -> None:
    written = reply + RAIN if "snow" in reply else reply
    stage = calling(written, max_reply_tokens=1_500, reply_tokens_per_slice=64)
    stage.say("Rain?")
    (told,) = errors(stage.settle())
    assert told.startswith("unusable_call: ")
    assert reason in told
    assert len(calls(stage.events)) == ("snow" in reply)
    assert stage.shown(1) == ""


def test_no_more_calls_wait_than_fit() -> None:
    stage = calling(
        "".join(call("clock") for _ in range(MAX_OPEN_CALLS + 1)), max_reply_tokens=2000
    )
    stage.say("Time?")
    told = stage.settle(max_ticks=600)
    assert len(calls(told)) == MAX_OPEN_CALLS
    assert errors(told) == ["unusable_call: more than 16 calls would wait for their results"]


def test_the_users_words_are_no_call() -> None:
    stage = calling("Fine.")
    stage.say(f"{RAIN}?")
    stage.settle()
    assert calls(stage.events) == []


def test_given_words_are_no_call() -> None:
    stage = calling("Fine.")
    stage.send(ResponseCreate("", RAIN))
    stage.settle(max_ticks=400)
    assert calls(stage.events) == []
    assert stage.shown(1) == RAIN
