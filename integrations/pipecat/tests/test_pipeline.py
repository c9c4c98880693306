"""Pipelines of the real framework before a real gateway, sessions and model; only Ray is left out."""

from conftest import Platform
from pipecat.frames.frames import (
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMTextFrame,
    UserBackchannelFrame,
)

from duologue_pipecat import ReplyStartFrame
from stage import staged


async def test_a_question_is_answered(platform: Platform) -> None:
    async with staged(platform.url, platform.key) as stage:
        await stage.recognise("what is it?")
        await stage.until_pushed(LLMFullResponseEndFrame)
        stage.let_speak(1_000)
        start = stage.of(ReplyStartFrame)[0]
        text = "".join(frame.text for frame in stage.of(LLMTextFrame))
        await stage.until_spoken(len(text.split()))
        assert stage.spoken == text.split()
        assert start.reply.heard.heard_chars == len(text.rstrip())
        assert stage.of(InterruptionFrame) == []
        assert stage.errors == []
