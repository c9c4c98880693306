"""An agent's session that the model hears, and what came of it."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

from livekit.agents import NOT_GIVEN, Agent, AgentSession, ConversationItemAddedEvent, llm, tts
from livekit.agents.voice import io

from duologue_livekit import LLM, TURN_HANDLING, LLMSettings
from text_for_speech import Recogniser, Voice

WITHIN_S = 30.0
WORD = re.compile(r".{1,2}", re.DOTALL)
"""What counts for a word: the tiny model seldom says blanks."""


class Speech(Protocol):
    """What speaks in the place of the voice."""

    tts: tts.TTS[Any]

    def connect(self, session: AgentSession[None], playback: io.TextOutput) -> None: ...


class Stage(io.TextOutput):
    """One session. The voice says a word whenever `let_speak` allows it one more."""

    def __init__(self, model: LLM, speech: Speech | None) -> None:
        super().__init__(label="Stage", next_in_chain=None)
        self.model = model
        self.recogniser = Recogniser()
        self.session = AgentSession[None](
            stt=self.recogniser,
            vad=None,
            llm=model,
            tts=NOT_GIVEN if speech is None else speech.tts,
            turn_handling=TURN_HANDLING,
        )
        self.spoken: list[str] = []
        self.items: list[Any] = []
        """LiveKit's own conversation."""
        self.states: list[str] = []
        self.cuts: list[int] = []
        self.errors: list[Any] = []
        self.session_ids: list[str] = []
        self._news = asyncio.Event()
        self._words = asyncio.Semaphore(0)
        model.hear(self.session)
        model.on("input_state", lambda event: self._keep(self.states, event["state"]))
        model.on("interrupted", lambda event: self._keep(self.cuts, event["heard_chars"]))
        model.on("session_ready", lambda event: self._keep(self.session_ids, event["session_id"]))
        model.on("error", lambda error: self._keep(self.errors, error))
        self.session.on("conversation_item_added", self._added)
        playback = model.playback(self)
        if speech is not None:
            speech.connect(self.session, playback)
        else:
            self.session.output.transcription = Voice(self._words.acquire, playback, WORD)

    async def capture_text(self, text: str) -> None:
        self._keep(self.spoken, text)

    def flush(self) -> None:
        pass

    def recognise(self, text: str, *, is_final: bool = True) -> None:
        """A speech recogniser: hypotheses that grow word by word, and the final text."""
        words = text.split(" ")
        for count in range(1, len(words) + 1):
            self.recogniser.hear(" ".join(words[:count]), is_final=False)
        if is_final:
            self.recogniser.hear(text, is_final=True)

    async def ask(self, text: str) -> None:
        """A question that is over for sure: what follows at once is another utterance."""
        num_states = len(self.states)
        self.recognise(text)
        await self.until(lambda: len(self.states) > num_states, "judgement")
        self.model.commit()

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
            told = [self.told, self.spoken, self.states, self.cuts, self.errors]
            raise AssertionError(f"no {what}: {told}") from None

    async def until_spoken(self, count: int) -> None:
        await self.until(lambda: len(self.spoken) >= count, f"{count} words")

    async def until_told(self, count: int) -> None:
        """LiveKit's conversation has so many messages."""
        await self.until(lambda: len(self.items) >= count, f"{count} messages")

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(item.role, item.text_content) for item in self.items]

    def _added(self, event: ConversationItemAddedEvent) -> None:
        if isinstance(event.item, llm.ChatMessage):
            self._keep(self.items, event.item)

    def _keep(self, kept: list[Any], what: Any) -> None:
        kept.append(what)
        self._news.set()


@asynccontextmanager
async def staged(
    url: str, key: str, *, speech: Speech | None = None, **settings: Any
) -> AsyncIterator[Stage]:
    """A session that runs as long as the block."""
    settings = {"seed": 1, **settings}
    model = LLM(base_url=url, api_key=key, settings=LLMSettings(**settings))
    stage = Stage(model, speech)
    await stage.session.start(Agent(instructions="Be kind."))
    try:
        yield stage
    finally:
        async with asyncio.timeout(WITHIN_S):
            await stage.session.aclose()
            await model.aclose()
