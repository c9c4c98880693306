"""Text that stands in for speech: a synthesiser and a loudspeaker in one, word by word."""

import asyncio
import re
from collections.abc import Awaitable, Callable

from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMTextFrame,
    StartFrame,
    TTSTextFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.utils.text.base_text_aggregator import TextType

WORD = re.compile(r"\S+\s*|\s+")


class Voice(FrameProcessor):
    """Says each word in its turn, and lets it pass as a synthesiser with timestamps does: when it
    is heard. An interruption silences it."""

    def __init__(self, pause: Callable[[], Awaitable[None]], word: re.Pattern[str] = WORD) -> None:
        """`pause` takes as long as a word, and `word` is one with the blanks behind it."""
        super().__init__(name="Voice")
        self._pause = pause
        self._word = word
        self._waiting: asyncio.Queue[Frame] = asyncio.Queue()
        self._speaker: asyncio.Task[None] | None = None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, StartFrame):
            self._speaker = self.create_task(self._speak())
        elif isinstance(frame, InterruptionFrame | EndFrame | CancelFrame):
            await self._fall_silent()
            if isinstance(frame, InterruptionFrame):
                self._speaker = self.create_task(self._speak())
        elif direction is FrameDirection.DOWNSTREAM:
            self._waiting.put_nowait(frame)
            return
        await self.push_frame(frame, direction)

    async def _fall_silent(self) -> None:
        self._waiting = asyncio.Queue()
        if self._speaker is not None:
            speaker, self._speaker = self._speaker, None
            await self.cancel_task(speaker)

    async def _speak(self) -> None:
        """The last word waits: more of it may come."""
        begun = ""
        while True:
            frame = await self._waiting.get()
            if isinstance(frame, LLMTextFrame):
                *words, begun = self._word.findall(begun + frame.text)
                for word in words:
                    await self._say(word)
                continue
            if isinstance(frame, LLMFullResponseEndFrame):
                await self._say(begun)
                begun = ""
            await self.push_frame(frame)

    async def _say(self, word: str) -> None:
        if word.strip():
            await self._pause()
            await self.push_frame(TTSTextFrame(word.strip(), TextType.WORD))
