"""Agents of the real framework before a real gateway, sessions and model; only Ray is left out.

What a word means is dictated, and so are the moments at which words are spoken.
"""

from typing import Any, cast

import pytest
from livekit.agents import llm
from livekit.agents.voice import room_io
from livekit.agents.voice.run_result import RunResult

from conftest import Platform
from duologue_livekit import LLM, LLMSettings
from stage import Stage, staged

ALL = 1_000


def typed(text: str) -> room_io.TextInputEvent:
    """What a participant types in a room."""
    nothing = cast(Any, None)
    return room_io.TextInputEvent(text=text, info=nothing, participant=nothing)


async def drop(stage: Stage) -> None:
    """The connection breaks."""
    duplex = stage.model._duplex
    assert duplex is not None
    assert duplex.link is not None
    await duplex.link.close()


async def test_a_question_is_answered(platform: Platform) -> None:
    async with staged(platform.url, platform.key) as stage:
        stage.recognise("what is it?")
        stage.let_speak(ALL)
        await stage.until_told(2)
        assert stage.told[0] == ("user", "what is it?")
        assert stage.told[1] == ("assistant", "".join(stage.spoken))
        assert not stage.items[1].interrupted
        assert stage.session_ids[0].startswith("ses_")
        assert stage.errors == []
    # LiveKit adds an empty turn when a session closes whose turns it did not end.
    assert "".join(text for _, text in stage.told[2:]) == ""


async def test_a_query_cuts_the_reply_where_it_was_heard(platform: Platform) -> None:
    async with staged(platform.url, platform.key) as stage:
        await stage.ask("what is it?")
        stage.let_speak(3)
        await stage.until_spoken(3)
        stage.recognise("wait, what else is there?")
        await stage.until_told(3)
        assert stage.items[1].interrupted
        assert stage.told[2] == ("user", "wait, what else is there?")
        assert len("".join(stage.spoken)) == stage.cuts[0]
        stage.let_speak(ALL)
        await stage.until_told(4)
        assert not stage.items[3].interrupted
        assert stage.errors == []


async def test_a_question_that_goes_on_at_once_stands_in_the_history_once(
    platform: Platform,
) -> None:
    """The platform answers it as a whole."""
    async with staged(platform.url, platform.key) as stage:
        stage.recognise("what is it?")
        stage.let_speak(3)
        await stage.until_spoken(3)
        stage.recognise("and who made it?")
        await stage.until_told(3)
        assert stage.told[0] == ("user", "what is it?")
        assert stage.told[2] == ("user", "and who made it?")


async def test_a_backchannel_leaves_the_reply_alone(platform: Platform) -> None:
    async with staged(platform.url, platform.key) as stage:
        await stage.ask("what is it?")
        stage.let_speak(3)
        await stage.until_spoken(3)
        await platform.dictate("non_query")
        stage.recognise("okay then")
        await stage.until(lambda: "non_query" in stage.states, "judgement")
        stage.let_speak(ALL)
        await stage.until_told(2)
        assert not stage.items[1].interrupted
        assert stage.told[1][1] == "".join(stage.spoken)
        assert stage.cuts == []
        assert stage.errors == []


async def test_hold_on_keeps_text_back_and_go_on_gives_it(platform: Platform) -> None:
    async with staged(platform.url, platform.key) as stage:
        await stage.ask("what is it?")
        stage.let_speak(3)
        await stage.until_spoken(3)
        await platform.dictate("hold")
        stage.recognise("hold on a second")
        await stage.until(lambda: "hold" in stage.states, "judgement")
        stage.recognise("go on")  # which counts, though the model takes it for a call for silence
        stage.let_speak(ALL)
        await stage.until_told(2)
        assert not stage.items[1].interrupted
        assert stage.told[1][1] == "".join(stage.spoken)
        assert stage.cuts == []
        assert stage.errors == []


async def test_typed_text_is_answered(platform: Platform) -> None:
    async with staged(platform.url, platform.key) as stage:
        stage.let_speak(ALL)
        await stage.model.type_in(stage.session, typed("what is it?"))
        await stage.until_told(2)
        assert stage.told[0] == ("user", "what is it?")
        assert stage.errors == []


async def test_the_agent_asks_for_replies_itself(platform: Platform) -> None:
    """A greeting, words of its own, and a question that it puts for the user."""
    async with staged(platform.url, platform.key) as stage:
        stage.let_speak(ALL)
        await stage.session.generate_reply(instructions="Greet the user.")
        assert [role for role, _ in stage.told] == ["assistant"]
        await stage.session.say("One moment.")
        result: RunResult[None] = await stage.session.run(user_input="what is it?")
        assert len(result.events) > 0
        stage.recognise("and what else?")
        await stage.until_told(6)
        assert [role for role, _ in stage.told] == [
            *("assistant", "assistant", "user", "assistant", "user", "assistant")
        ]
        assert stage.told[4] == ("user", "and what else?")
        assert len(stage.session_ids) == 1
        assert stage.errors == []


async def test_what_needs_no_answer_gets_none(platform: Platform) -> None:
    async with staged(platform.url, platform.key) as stage:
        await platform.dictate("non_query")
        await stage.session.generate_reply(user_input="uh-huh")
        assert stage.told == [("user", "uh-huh")]
        assert stage.errors == []


async def test_the_agent_silences_itself(platform: Platform) -> None:
    async with staged(platform.url, platform.key) as stage:
        await stage.ask("what is it?")
        stage.let_speak(3)
        await stage.until_spoken(3)
        await stage.session.interrupt(force=True)
        assert stage.items[1].interrupted
        stage.let_speak(ALL)
        stage.recognise("and what else?")
        await stage.until_told(4)
        assert not stage.items[3].interrupted
        assert stage.errors == []


async def test_a_conversation_that_is_lost_goes_on_in_another(platform: Platform) -> None:
    async with staged(platform.url, platform.key) as stage:
        stage.let_speak(ALL)
        stage.recognise("what is it?")
        await stage.until_told(2)
        await drop(stage)
        await stage.until(lambda: stage.errors != [], "error")
        assert stage.errors[0].recoverable
        stage.recognise("and what else?")
        await stage.until_told(4)
        assert len(stage.session_ids) == 2


async def test_a_wrong_key_is_told(platform: Platform) -> None:
    async with staged(platform.url, "duo_nobody_knows") as stage:
        stage.recognise("what is it?")
        await stage.until(lambda: stage.errors != [], "error")
        assert "401" in str(stage.errors[0].error)
        assert not stage.errors[0].recoverable


async def test_without_a_session_each_call_is_answered(platform: Platform) -> None:
    """LiveKit decides then, as for any other model."""
    await platform.dictate("non_query")
    context = llm.ChatContext.empty()
    context.add_message(role="system", content="Be kind.")
    context.add_message(role="user", content="hello")
    context.add_message(role="assistant", content="Good day.")
    context.add_message(role="user", content="what is it?")
    model = LLM(base_url=platform.url, api_key=platform.key, settings=LLMSettings(temperature=0))
    told = []
    for _ in range(2):
        collected = await model.chat(chat_ctx=context).collect()
        assert collected.usage is not None
        assert collected.usage.completion_tokens > 0
        told.append(collected.text)
    assert told[0]
    assert told[0] == told[1]
    with pytest.raises(ValueError, match="functions"):
        model.chat(chat_ctx=context, tools=[llm.ProviderTool(id="any")])
    await model.aclose()
