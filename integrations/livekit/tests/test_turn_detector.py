"""The turn detector as LiveKit asks it, in a session with a model that does not decide itself."""

import asyncio
from typing import Any

from livekit.agents import Agent, AgentSession, ConversationItemAddedEvent, LanguageCode, llm

from conftest import Platform
from duologue_livekit import LLM, TurnDetector
from stage import WITHIN_S
from text_for_speech import Recogniser


class Overheard(TurnDetector):
    """Tells also what it has answered."""

    def __init__(self, platform: Platform) -> None:
        super().__init__(base_url=platform.url, api_key=platform.key)
        self.told: asyncio.Queue[float] = asyncio.Queue()

    async def predict_end_of_turn(self, chat_ctx: llm.ChatContext, **more: Any) -> float:
        probability = await super().predict_end_of_turn(chat_ctx, **more)
        self.told.put_nowait(probability)
        return probability


async def test_livekit_waits_while_the_user_has_not_finished(platform: Platform) -> None:
    async with Overheard(platform) as detector:
        recogniser = Recogniser()
        session = AgentSession[None](
            stt=recogniser,
            vad=None,
            llm=LLM(base_url=platform.url, api_key=platform.key),
            turn_handling={
                "turn_detection": detector,
                "endpointing": {"min_delay": 0.0, "max_delay": 3_600.0},
            },
        )
        added: asyncio.Queue[llm.ChatMessage] = asyncio.Queue()

        def keep(event: ConversationItemAddedEvent) -> None:
            if isinstance(event.item, llm.ChatMessage):
                added.put_nowait(event.item)

        session.on("conversation_item_added", keep)
        await session.start(Agent(instructions="Be kind."))
        async with asyncio.timeout(WITHIN_S):
            await platform.dictate("incomplete")
            recogniser.hear("I think it was", is_final=True)
            assert await detector.told.get() < 0.5
            assert added.empty()
            await platform.dictate("query")
            recogniser.hear("in Rome, no?", is_final=True)
            assert await detector.told.get() > 0.5
            question, answer = await added.get(), await added.get()
            assert question.text_content == "I think it was in Rome, no?"
            assert answer.role == "assistant"
            recogniser.hear("and then?", is_final=True)
            assert await detector.told.get() > 0.5
        await session.aclose()


async def test_languages() -> None:
    detector = TurnDetector(base_url="http://nowhere/v1", api_key="", unlikely_threshold=0.3)
    for code in (None, LanguageCode("en-GB")):
        assert await detector.supports_language(code)
        assert await detector.unlikely_threshold(code) == 0.3
    assert not await detector.supports_language(LanguageCode("de"))
    assert await detector.unlikely_threshold(LanguageCode("de")) is None


async def test_nothing_was_said() -> None:
    detector = TurnDetector(base_url="http://nowhere/v1", api_key="")
    assert await detector.predict_end_of_turn(llm.ChatContext.empty()) == 1.0
