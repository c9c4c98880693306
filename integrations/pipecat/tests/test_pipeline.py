"""Pipelines of the real framework before a real gateway, sessions and model; only Ray is left out.

What a word means is dictated, and so are the moments at which words are spoken.
"""

from typing import Any

from pipecat.frames.frames import (
    InputTextRawFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMMessagesAppendFrame,
    LLMRunFrame,
    UserBackchannelFrame,
)

from conftest import Platform
from duologue_pipecat import ReplyStartFrame
from stage import Stage, staged

ALL = 1_000


async def until_told(stage: Stage, count: int = 1) -> None:
    """The service has pushed so many replies whole."""
    await stage.until_pushed(LLMFullResponseEndFrame, count)


async def until_text_for(stage: Stage, words: int) -> None:
    """So many words can be spoken, and the reply goes on."""
    await stage.until(lambda: stage.num_words > words, f"{words} words of text")


async def test_a_question_is_answered(platform: Platform) -> None:
    async with staged(platform.url, platform.key) as stage:
        await stage.recognise("what is it?")
        await until_told(stage)
        stage.let_speak(ALL)
        await stage.until(lambda: stage.has_spoken(stage.text), "end of the speech")
        (start,) = stage.of(ReplyStartFrame)
        assert start.reply.heard.heard_chars == len(stage.text.rstrip())
        assert stage.session_id.startswith("ses_")
        assert stage.of(InterruptionFrame) == []
        assert stage.errors == []


async def test_a_query_cuts_the_reply_where_it_was_heard(platform: Platform) -> None:
    async with staged(platform.url, platform.key) as stage:
        await stage.recognise("what is it?")
        await until_text_for(stage, 5)
        stage.let_speak(3)
        await stage.until_spoken(3)
        await stage.recognise("wait, what else is there?")
        await stage.until_pushed(ReplyStartFrame, 2)
        turns = [
            type(frame)
            for frame in stage.frames
            if isinstance(frame, ReplyStartFrame | InterruptionFrame)
        ]
        assert turns == [ReplyStartFrame, InterruptionFrame, ReplyStartFrame]
        assert len(stage.spoken) == 3
        reply = stage.of(ReplyStartFrame)[0].reply
        await stage.until(lambda: stage.cuts != [], "how much was heard")
        assert stage.has_spoken(reply.heard.text[: stage.cuts[0]])
        assert stage.errors == []


def backchannels(stage: Stage) -> list[tuple[str, str]]:
    frames = stage.of(UserBackchannelFrame)
    return [(frame.text.strip(), frame.user_id) for frame in frames]


async def test_a_backchannel_leaves_the_reply_alone(platform: Platform) -> None:
    async with staged(platform.url, platform.key) as stage:
        await stage.recognise("what is it?")
        await until_text_for(stage, 5)
        stage.let_speak(3)
        await stage.until_spoken(3)
        await platform.dictate("non_query")
        await stage.recognise("okay then")
        said = ("okay then", "user")  # its beginning may be one too
        await stage.until(lambda: said in backchannels(stage), "backchannel")
        await until_told(stage)
        stage.let_speak(ALL)
        await stage.until(lambda: stage.has_spoken(stage.text), "end of the speech")
        assert len(stage.of(ReplyStartFrame)) == 1
        assert stage.of(InterruptionFrame) == []
        assert stage.errors == []


async def test_a_reply_that_is_told_and_not_yet_heard_survives_a_backchannel(
    platform: Platform,
) -> None:
    """And can still be cut where it was heard, though its text came long ago."""
    async with staged(platform.url, platform.key) as stage:
        await stage.recognise("what is it?")
        await until_told(stage)
        stage.let_speak(3)
        await stage.until_spoken(3)
        await platform.dictate("non_query")
        await stage.recognise("okay then")
        await stage.until_pushed(UserBackchannelFrame)
        assert stage.of(InterruptionFrame) == []
        stage.let_speak(4)
        await stage.until_spoken(7)
        reply = stage.of(ReplyStartFrame)[0].reply
        await platform.dictate("query")
        await stage.recognise("wait, what else is there?")
        await stage.until_pushed(InterruptionFrame)
        await stage.until(lambda: stage.cuts != [], "how much was heard")
        assert stage.has_spoken(reply.heard.text[: stage.cuts[0]])
        assert len(stage.spoken) == 7
        assert stage.errors == []


async def test_hold_on_silences_the_reply_and_go_on_resumes_it(platform: Platform) -> None:
    async with staged(platform.url, platform.key) as stage:
        await stage.recognise("what is it?")
        await until_told(stage)
        text = stage.text
        stage.let_speak(3)
        await stage.until_spoken(3)
        await platform.dictate("hold")
        await stage.recognise("hold on a second")
        await stage.until_pushed(InterruptionFrame)
        await stage.recognise("go on")
        resumed = await stage.until_pushed(ReplyStartFrame, 2)
        assert resumed.reply is stage.of(ReplyStartFrame)[0].reply
        await until_told(stage, 2)
        stage.let_speak(ALL)
        await stage.until(lambda: stage.has_spoken(text), "end of the speech")
        assert stage.cuts == []
        assert stage.errors == []


async def test_the_assistant_speaks_first(platform: Platform) -> None:
    async with staged(platform.url, platform.key, system_instruction="Be kind.") as stage:
        await stage.worker.queue_frame(LLMRunFrame())
        await until_told(stage)
        assert stage.text.strip()
        assert stage.errors == []


async def test_messages_are_known_and_answered(platform: Platform) -> None:
    history = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": [{"type": "text", "text": "good day"}]},
    ]
    note: Any = {"role": "developer", "content": "It rains."}
    question: Any = {"role": "user", "content": "what is it?"}
    async with staged(platform.url, platform.key, history=history, max_tokens=5) as stage:
        await stage.worker.queue_frame(LLMMessagesAppendFrame([note, question], run_llm=True))
        await until_told(stage)
        assert stage.states[-1] == "query"
        assert stage.errors == []


async def test_typed_text_is_answered(platform: Platform) -> None:
    async with staged(platform.url, platform.key) as stage:
        await stage.worker.queue_frame(InputTextRawFrame("what is it?"))
        await until_told(stage)
        assert stage.errors == []


async def test_an_interruption_from_elsewhere_stops_the_reply(platform: Platform) -> None:
    async with staged(platform.url, platform.key) as stage:
        await stage.recognise("what is it?")
        await until_text_for(stage, 2)
        await stage.worker.queue_frame(InterruptionFrame())
        await stage.until_pushed(InterruptionFrame)
        pushed = stage.text
        await stage.recognise("and what else?")
        await stage.until_pushed(ReplyStartFrame, 2)
        first = stage.of(ReplyStartFrame)[0].reply
        assert pushed.startswith(first.heard.text[: first.num_pushed])
        assert stage.errors == []


async def test_a_wrong_key_is_told(platform: Platform) -> None:
    async with staged(platform.url, "duo_nobody_knows") as stage:
        await stage.until(lambda: stage.errors != [], "error")
        assert "Duologue does not take the conversation" in stage.errors[0]
        assert "401" in stage.errors[0]
