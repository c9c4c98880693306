"""An assistant that speaks with a model of its own, for sessions that only listen."""

import asyncio
from random import Random

from benchmarks.crowd.ear import Ear
from duologue.client import (
    Conversation,
    Event,
    Interrupted,
    ResponseDelta,
    ResponseDone,
    ResponsePaused,
    ResponseResumed,
    ResponseStarted,
)
from duologue.clock import Clock

WORDS_PER_MINUTE = 170
PIECE_WORDS = 4
"""So many words are told at once, when they were said."""
THINKING_MS = (200.0, 500.0)
"""Until its model has the first words."""
SENTENCES = (
    "I have found three of them for you, and the first one is open until ten.",
    "That is quite a long story, but I can tell you how it began, if you like.",
    "Sure, that is done.",
    "There is one at half past seven and another one an hour later. Which one would suit you?",
    "I am sorry, I did not find anything of that name in your list.",
)


class Voice:
    """Begins when it has the floor, falls silent when it is told to, and goes on when it may."""

    def __init__(
        self,
        conversation: Conversation,
        ear: Ear,
        has_news: asyncio.Event,
        clock: Clock,
        random: Random,
    ) -> None:
        self._conversation = conversation
        self._ear = ear
        self._has_news = has_news
        self._clock = clock
        self._random = random
        self._words: dict[int, list[str]] = {}
        """Of each response what is still to be said."""
        self._speaking: int | None = None
        self._changed = asyncio.Event()

    def told(self, event: Event) -> None:
        """Who has the floor."""
        match event:
            case ResponseStarted(response_id):
                # For a person, to have an answer is to know that it comes.
                self._ear.told(ResponseDelta(response_id, ""), self._clock.now_ms())
                self._words[response_id] = self._random.choice(SENTENCES).split()
                self._speaking = response_id
            case ResponsePaused(response_id) | Interrupted(response_id):
                if self._speaking == response_id:
                    self._speaking = None
            case ResponseResumed(response_id) if self._words.get(response_id):
                self._speaking = response_id
            case ResponseDone(response_id) if self._speaking == response_id:
                self._speaking = None
            case _:
                return
        self._changed.set()

    async def speak(self) -> None:
        """Until it is cancelled."""
        while True:
            self._changed.clear()
            response_id = self._speaking
            if response_id is None:
                await self._changed.wait()
                continue
            if not await self._is_undisturbed(self._random.uniform(*THINKING_MS)):
                continue
            while self._speaking == response_id and await self._go_on(response_id):
                pass

    async def _go_on(self, response_id: int) -> bool:
        """Say some words and tell them; whether there are more."""
        words = self._words[response_id]
        piece = words[:PIECE_WORDS]
        if not await self._is_undisturbed(len(piece) * 60_000 / WORDS_PER_MINUTE):
            return False
        del words[: len(piece)]
        text = " ".join(piece) + " " * bool(words)
        self._ear.told(ResponseDelta(response_id, text), self._clock.now_ms())
        self._has_news.set()
        await self._conversation.assistant_said(text, response_id, is_end=not words)
        if not words:
            self._speaking = None
        return bool(words)

    async def _is_undisturbed(self, for_ms: float) -> bool:
        try:
            async with asyncio.timeout(for_ms / 1e3):
                await self._changed.wait()
        except TimeoutError:
            return True
        return False
