"""A user who murmurs while the assistant speaks, and then cuts in; text stands in for speech.

Takes the platform from DUOLOGUE_HTTP (such as http://127.0.0.1:50080/v1) and DUOLOGUE_API_KEY.
"""

import asyncio
import os
from collections.abc import Callable
from typing import Any

from pipecat.frames.frames import (
    EndFrame,
    Frame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    TranscriptionFrame,
    TTSTextFrame,
    UserBackchannelFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.utils.time import time_now_iso8601
from pipecat.workers.runner import WorkerRunner

from duologue_pipecat import DuologueLLMService, DuologueLLMSettings, Reply
from voice import Voice

QUESTION = "Tell me about the sea."
BACKCHANNEL = "uh-huh"
INTERRUPTION = "Wait, how deep is it?"
WORD_S = 0.25


class Screen(FrameProcessor):
    """Shows what the user hears, at the end of the pipeline."""

    def __init__(self) -> None:
        super().__init__(name="Screen")
        self.num_words = 0
        self.num_ends = 0
        self._news = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case TTSTextFrame():
                print(frame.text, end=" ", flush=True)
                self.num_words += 1
            case InterruptionFrame():
                print("\n[interrupted]")
            case UserBackchannelFrame():
                print(f"\n[goes on through {frame.text!r}]")
            case LLMFullResponseEndFrame():
                self.num_ends += 1
        self._news.set()
        await self.push_frame(frame, direction)

    async def until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            self._news.clear()
            await self._news.wait()


async def speak(worker: PipelineWorker, text: str) -> None:
    """A microphone and a speech recogniser: hypotheses that grow, then the final text."""
    words = text.split()
    for count in range(1, len(words) + 1):
        hypothesis = " ".join(words[:count])
        await worker.queue_frame(InterimTranscriptionFrame(hypothesis, "user", time_now_iso8601()))
        await asyncio.sleep(WORD_S)
    await worker.queue_frame(TranscriptionFrame(text, "user", time_now_iso8601()))
    print(f"\n[the user: {text!r}]")


async def user(worker: PipelineWorker, screen: Screen) -> None:
    await speak(worker, QUESTION)
    await screen.until(lambda: screen.num_words >= 5)
    await speak(worker, BACKCHANNEL)
    heard = screen.num_words
    await screen.until(lambda: screen.num_words >= heard + 5)
    num_ends = screen.num_ends
    await speak(worker, INTERRUPTION)
    # The end of the reply that is cut, and of the answer.
    await screen.until(lambda: screen.num_ends >= num_ends + 2)
    await worker.queue_frame(EndFrame())


async def main() -> None:
    llm = DuologueLLMService(
        base_url=os.environ["DUOLOGUE_HTTP"],
        api_key=os.environ["DUOLOGUE_API_KEY"],
        settings=DuologueLLMSettings(temperature=0.0, max_tokens=60),
    )

    async def on_interrupted(_llm: Any, reply: Reply, heard_chars: int) -> None:
        print(f"\n[the model remembers {reply.heard.text[:heard_chars]!r}]")

    llm.add_event_handler("on_interrupted", on_interrupted)
    screen = Screen()
    # With speech: [transport.input(), stt, llm, tts, transport.output(), llm.playback()].
    voice = Voice(lambda: asyncio.sleep(WORD_S))
    worker = PipelineWorker(Pipeline([llm, voice, llm.playback(), screen]), enable_rtvi=False)
    runner = WorkerRunner()
    await runner.add_workers(worker)
    await asyncio.gather(runner.run(), user(worker, screen))


if __name__ == "__main__":
    asyncio.run(main())
