"""A pipeline with the service in it, and what came out of it."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InterimTranscriptionFrame,
    LLMTextFrame,
    TranscriptionFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from duologue_pipecat import DuologueLLMService, DuologueLLMSettings, Reply
from voice import Voice

WITHIN_S = 30.0
WORD = re.compile(r".{1,2}", re.DOTALL)
"""What counts for a word: the tiny model seldom says blanks."""
_Kind = TypeVar("_Kind", bound=Frame)


def letters(text: str) -> str:
    """A text without its blanks."""
    return "".join(text.split())


class _Ear(FrameProcessor):
    """Keeps what reaches its place in the pipeline."""

    def __init__(self, keep: Callable[[Frame], None], direction: FrameDirection) -> None:
        super().__init__()
        self._keep = keep
        self._direction = direction

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if direction is self._direction:
            self._keep(frame)
        await self.push_frame(frame, direction)


class Stage:
    """One conversation. The voice says a word whenever `let_speak` allows it one more."""

    def __init__(
        self, service: DuologueLLMService, between: Sequence[FrameProcessor] | None
    ) -> None:
        self.service = service
        self.frames: list[Frame] = []
        """What left the service downstream."""
        self.heard: list[Frame] = []
        """What came out at the end."""
        self.errors: list[str] = []
        self.states: list[str] = []
        self.cuts: list[int] = []
        """How much of a reply is remembered, for each that was cut."""
        self.session_id = ""
        self.news = asyncio.Event()
        self._words = asyncio.Semaphore(0)

        async def on_input_state(_service: Any, event: dict[str, Any]) -> None:
            self._keep(self.states, event["state"])

        async def on_interrupted(_service: Any, _reply: Reply, heard_chars: int) -> None:
            self._keep(self.cuts, heard_chars)

        async def on_session(_service: Any, session_id: str) -> None:
            self._keep_session(session_id)

        service.add_event_handler("on_input_state", on_input_state)
        service.add_event_handler("on_interrupted", on_interrupted)
        service.add_event_handler("on_session", on_session)
        down = FrameDirection.DOWNSTREAM
        self.pipeline = Pipeline(
            [
                _Ear(self._keep_error, FrameDirection.UPSTREAM),
                service,
                _Ear(lambda frame: self._keep(self.frames, frame), down),
                *(between or [Voice(self._may_speak, WORD)]),
                service.playback(),
                _Ear(lambda frame: self._keep(self.heard, frame), down),
            ]
        )
        self.worker = PipelineWorker(self.pipeline, cancel_on_idle_timeout=False, enable_rtvi=False)

    async def recognise(self, text: str, *, is_final: bool = True) -> None:
        """A speech recogniser: hypotheses that grow word by word, and the final text."""
        words = text.split(" ")
        for count in range(1, len(words) + 1):
            hypothesis = " ".join(words[:count])
            await self.worker.queue_frame(InterimTranscriptionFrame(hypothesis, "user", "now"))
        if is_final:
            await self.worker.queue_frame(TranscriptionFrame(text, "user", "now"))

    def let_speak(self, words: int) -> None:
        for _ in range(words):
            self._words.release()

    async def until(self, is_so: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(WITHIN_S):
                while not is_so():
                    self.news.clear()
                    await self.news.wait()
        except TimeoutError:
            names = [frame.name for frame in self.frames]
            raise AssertionError(f"no {what}: {names} {self.states} {self.errors}") from None

    async def until_pushed(self, kind: type[_Kind], count: int = 1) -> _Kind:
        """The service has pushed so many frames of a kind; the last of them."""
        await self.until(lambda: len(self.of(kind)) >= count, f"{kind.__name__} {count}")
        return self.of(kind)[count - 1]

    async def until_spoken(self, count: int) -> None:
        await self.until(lambda: len(self.spoken) >= count, f"{count} words")

    @property
    def text(self) -> str:
        """All text of replies that the service has pushed."""
        return "".join(frame.text for frame in self.of(LLMTextFrame))

    def of(self, kind: type[_Kind]) -> list[_Kind]:
        return [frame for frame in self.frames if isinstance(frame, kind)]

    @property
    def spoken(self) -> list[str]:
        return [frame.text for frame in self.heard if isinstance(frame, TTSTextFrame)]

    @property
    def num_words(self) -> int:
        """How many words the service has pushed, in all."""
        return sum(bool(word.strip()) for word in WORD.findall(self.text))

    def has_spoken(self, text: str) -> bool:
        """Whether that, but for blanks, is what was spoken."""
        return letters("".join(self.spoken)) == letters(text)

    def _keep(self, kept: list[Any], what: Any) -> None:
        kept.append(what)
        self.news.set()

    def _keep_session(self, session_id: str) -> None:
        self.session_id = session_id
        self.news.set()

    def _keep_error(self, frame: Frame) -> None:
        if isinstance(frame, ErrorFrame):
            self._keep(self.errors, frame.error)

    async def _may_speak(self) -> None:
        await self._words.acquire()


@asynccontextmanager
async def staged(
    url: str,
    key: str,
    *,
    history: Any = (),
    between: Sequence[FrameProcessor] | None = None,
    **settings: Any,
) -> AsyncIterator[Stage]:
    """A pipeline that runs as long as the block; `between` is what speaks in it."""
    service = DuologueLLMService(
        base_url=url, api_key=key, history=history, settings=DuologueLLMSettings(**settings)
    )
    stage = Stage(service, between)
    started = asyncio.Event()

    async def on_pipeline_started(_worker: Any, _frame: Any) -> None:
        started.set()

    stage.worker.add_event_handler("on_pipeline_started", on_pipeline_started)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(stage.worker)
    running = asyncio.create_task(runner.run())
    try:
        async with asyncio.timeout(WITHIN_S):
            await started.wait()
        yield stage
    finally:
        await stage.worker.queue_frame(EndFrame())
        async with asyncio.timeout(WITHIN_S):
            await running
