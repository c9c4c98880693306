"""A user who murmurs while the agent speaks, and then cuts in; text stands in for speech.

Takes the platform from DUOLOGUE_HTTP (such as http://127.0.0.1:50080/v1) and DUOLOGUE_API_KEY.
"""

import asyncio
import os
from collections.abc import Callable

from livekit.agents import Agent, AgentSession, ConversationItemAddedEvent, llm
from livekit.agents.voice import io

from duologue_livekit import LLM, TURN_HANDLING, LLMSettings
from text_for_speech import Recogniser, Voice

QUESTION = "Tell me about the sea."
BACKCHANNEL = "uh-huh"
INTERRUPTION = "Wait, how deep is it?"
WORD_S = 0.25


class Screen(io.TextOutput):
    """Shows what the user hears, at the end of the transcription."""

    def __init__(self) -> None:
        super().__init__(label="Screen", next_in_chain=None)
        self.num_words = 0
        self.num_replies = 0
        self._news = asyncio.Event()

    async def capture_text(self, text: str) -> None:
        print(text, end="", flush=True)
        self.num_words += len(text.split())
        self._news.set()

    def flush(self) -> None:
        pass

    def added(self, event: ConversationItemAddedEvent) -> None:
        """LiveKit has something more in its conversation."""
        item = event.item
        if isinstance(item, llm.ChatMessage) and item.role == "assistant":
            print(f"\n[LiveKit remembers {item.text_content!r}]")
            self.num_replies += 1
            self._news.set()

    async def until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            self._news.clear()
            await self._news.wait()


async def speak(recogniser: Recogniser, text: str) -> None:
    """A microphone and a speech recogniser: hypotheses that grow, then the final text."""
    words = text.split()
    for count in range(1, len(words) + 1):
        recogniser.hear(" ".join(words[:count]), is_final=False)
        await asyncio.sleep(WORD_S)
    recogniser.hear(text, is_final=True)
    print(f"\n[the user: {text!r}]")


async def user(recogniser: Recogniser, screen: Screen) -> None:
    await speak(recogniser, QUESTION)
    await screen.until(lambda: screen.num_words >= 5)
    await speak(recogniser, BACKCHANNEL)
    heard = screen.num_words
    await screen.until(lambda: screen.num_words >= heard + 5)
    await speak(recogniser, INTERRUPTION)
    # The reply that is cut, and the answer.
    await screen.until(lambda: screen.num_replies >= 2)


async def main() -> None:
    model = LLM(
        base_url=os.environ["DUOLOGUE_HTTP"],
        api_key=os.environ["DUOLOGUE_API_KEY"],
        settings=LLMSettings(temperature=0.0, max_output_tokens=60),
    )
    recogniser, screen = Recogniser(), Screen()
    async with AgentSession[None](
        stt=recogniser, vad=None, llm=model, turn_handling=TURN_HANDLING
    ) as session:
        model.hear(session)
        model.on("input_state", lambda event: print(f"\n[{event['state']}: {event['text']!r}]"))
        model.on("interrupted", lambda event: print(f"\n[cut at {event['heard_chars']}]"))
        session.on("conversation_item_added", screen.added)
        # With audio: RoomOptions(text_output=TextOutputOptions(next_in_chain=model.playback())).
        session.output.transcription = Voice(lambda: asyncio.sleep(WORD_S), model.playback(screen))
        await session.start(Agent(instructions="You are a guide to the sea. Be brief."))
        await user(recogniser, screen)


if __name__ == "__main__":
    asyncio.run(main())
