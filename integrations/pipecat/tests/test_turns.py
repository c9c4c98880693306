"""Turns by their words in a pipeline with a model of its own, before a real platform.

The model says always the same, and how far it has come is up to the test.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TranscriptionFrame,
    UserBackchannelFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from conftest import Platform
from duologue_pipecat import DuologueTurns
from voice import Voice

WITHIN_S = 30.0
ANSWER = "The sea is deep and wide and blue."
ALL = 1_000


class Model(FrameProcessor):
    """Answers each context with the same words."""

    def __init__(self, scene: "Scene") -> None:
        super().__init__()
        self._scene = scene

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMContextFrame):
            messages: Any = frame.context.messages
            self._scene.keep(messages[-1]["content"])
            await self.push_frame(LLMFullResponseStartFrame())
            await self.push_frame(LLMTextFrame(ANSWER))
            await self.push_frame(LLMFullResponseEndFrame())
            return
        if isinstance(frame, UserBackchannelFrame | InterruptionFrame):
            self._scene.keep(frame)
        await self.push_frame(frame, direction)


class Scene(FrameProcessor):
    """Stands at the end: what was asked of the model, and what was heard of it."""

    def __init__(self, turns: DuologueTurns) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.murmurs: list[str] = []
        self.spoken: list[str] = []
        self.errors: list[str] = []
        self.num_cuts = 0
        self._news = asyncio.Event()
        self._words = asyncio.Semaphore(0)
        params = LLMUserAggregatorParams(user_turn_strategies=turns.strategies())
        pair = LLMContextAggregatorPair(LLMContext(), user_params=params)
        ends = [turns.playback(), pair.assistant(), self]
        voice = Voice(self._may_speak)
        self.worker = PipelineWorker(
            Pipeline([pair.user(), Model(self), voice, *ends]),
            cancel_on_idle_timeout=False,
            enable_rtvi=False,
        )
        self.worker.add_event_handler("on_pipeline_error", self._failed)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)

    def keep(self, what: Any) -> None:
        match what:
            case UserBackchannelFrame():
                self.murmurs.append(what.text.strip())
            case InterruptionFrame():
                self.num_cuts += 1
            case str():
                self.asked.append(what)
        self._news.set()

    async def recognise(self, text: str) -> None:
        words = text.split(" ")
        for count in range(1, len(words) + 1):
            hypothesis = " ".join(words[:count])
            await self.worker.queue_frame(InterimTranscriptionFrame(hypothesis, "user", "now"))
        await self.worker.queue_frame(TranscriptionFrame(text, "user", "now"))

    def let_speak(self, words: int) -> None:
        for _ in range(words):
            self._words.release()

    async def until(self, is_so: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(WITHIN_S):
                while not is_so():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            told = [self.asked, self.murmurs, self.spoken, self.num_cuts, self.errors]
            raise AssertionError(f"no {what}: {told}") from None

    async def _may_speak(self) -> None:
        await self._words.acquire()
        self.spoken.append("word")
        self._news.set()

    async def _failed(self, _worker: Any, frame: ErrorFrame) -> None:
        self.errors.append(frame.error)
        self._news.set()


@asynccontextmanager
async def on_scene(url: str, key: str) -> AsyncIterator[Scene]:
    scene = Scene(DuologueTurns(base_url=url, api_key=key))
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(scene.worker)
    running = asyncio.create_task(runner.run())
    try:
        yield scene
    finally:
        await scene.worker.queue_frame(EndFrame())
        async with asyncio.timeout(WITHIN_S):
            await running


async def test_a_turn_ends_when_the_words_say_so(platform: Platform) -> None:
    async with on_scene(platform.url, platform.key) as scene:
        await platform.dictate("incomplete")
        await scene.recognise("I think it was")
        await platform.dictate("query")
        await scene.recognise("in Rome, no?")
        await scene.until(lambda: scene.asked != [], "question")
        assert scene.asked == ["I think it was in Rome, no?"]
        assert scene.errors == []


async def test_a_murmur_leaves_the_assistant_alone_and_a_question_does_not(
    platform: Platform,
) -> None:
    async with on_scene(platform.url, platform.key) as scene:
        await scene.recognise("what is it?")
        await scene.until(lambda: scene.asked != [], "question")
        cuts = scene.num_cuts
        scene.let_speak(3)
        await scene.until(lambda: len(scene.spoken) >= 3, "words")
        await platform.dictate("non_query")
        await scene.recognise("okay")
        await scene.until(lambda: scene.murmurs != [], "murmur")
        assert scene.murmurs == ["okay"]
        scene.let_speak(2)
        await scene.until(lambda: len(scene.spoken) >= 5, "words")
        assert scene.num_cuts == cuts
        await platform.dictate("query")
        await scene.recognise("wait, how deep?")
        await scene.until(lambda: len(scene.asked) == 2, "second question")
        assert scene.asked == ["what is it?", "wait, how deep?"]
        assert scene.num_cuts > cuts
        assert scene.errors == []


async def test_a_wrong_key_is_told(platform: Platform) -> None:
    async with on_scene(platform.url, "duo_nobody_knows") as scene:
        await scene.until(lambda: scene.errors != [], "error")
        assert "401" in scene.errors[0]
