"""The framework's own synthesiser and transport: words pass the transport when they are played."""

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Any

from pipecat.frames.frames import (
    Frame,
    InterruptionFrame,
    OutputAudioRawFrame,
    StartFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams

from conftest import Platform
from duologue_pipecat import ReplyStartFrame
from stage import WORD, staged

RATE = 16_000
WORD_S = 0.1


class Synthesiser(TTSService):
    """Silence for each word, with the time at which the word is said."""

    def __init__(self) -> None:
        settings = TTSSettings(model="silence", voice="none", language=None)
        super().__init__(
            sample_rate=RATE,
            push_text_frames=False,
            push_start_frame=True,
            push_stop_frames=True,
            settings=settings,
        )

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        silence = b"\0\0" * round(RATE * WORD_S)
        for number, word in enumerate(re.findall(WORD, text)):
            yield TTSAudioRawFrame(silence, RATE, 1, context_id=context_id)
            if word.strip():
                await self.add_word_timestamps([(word, number * WORD_S)], context_id)


class Loudspeaker(BaseOutputTransport):
    """Takes as long for a sound as the sound is."""

    def __init__(self) -> None:
        super().__init__(TransportParams(audio_out_enabled=True, audio_out_sample_rate=RATE))

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        await asyncio.sleep(frame.num_frames / RATE)
        return True


def speech() -> list[FrameProcessor]:
    return [Synthesiser(), Loudspeaker()]


async def test_what_the_loudspeaker_played_is_what_is_remembered(platform: Platform) -> None:
    async with staged(platform.url, platform.key, between=speech()) as stage:
        await stage.recognise("what is it?")
        await stage.until_spoken(4)
        await stage.recognise("wait, what else is there?")
        await stage.until_pushed(InterruptionFrame)
        await stage.until(lambda: stage.cuts != [], "how much was heard")
        await stage.until_pushed(ReplyStartFrame, 2)
        first, second = (start.reply for start in stage.of(ReplyStartFrame)[:2])
        remembered = first.heard.text[: stage.cuts[0]]
        heard: list[Any] = []
        for frame in stage.heard:
            if isinstance(frame, InterruptionFrame):
                break
            if isinstance(frame, TTSTextFrame):
                heard.append(frame.text)
        assert len(heard) >= 4
        # A word that passed in the very moment of the cut may have been too late to count.
        assert "".join(heard).startswith("".join(remembered.split())[:-2])
        assert len("".join(remembered.split())) <= len("".join(heard))
        await stage.until(lambda: second.heard.heard_chars > 0, "words of the second reply")
        assert stage.errors == []
