"""One reply of the platform's, as its text goes to LiveKit."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from livekit.agents import llm

from duologue_realtime import Event, HeardText


@dataclass(eq=False, slots=True)
class Reply:
    """It may be asked for before it begins; from then on it has names.

    While it is paused its text is held back: the user may be taking the floor.
    """

    response_id: str = ""
    item_id: str = ""
    heard: HeardText = field(default_factory=HeardText)
    """Its text as far as it was told, and how much of that was played."""
    is_over: bool = False
    """No more text of it will come."""
    is_paused: bool = False
    is_cut: bool = False
    usage: llm.CompletionUsage | None = None
    _num_given: int = 0
    """Characters that LiveKit has."""
    _failure: Exception | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_wanted(self) -> bool:
        """Whether the platform is giving it, and has not cut it."""
        return bool(self.response_id) and not (self.is_over or self.is_cut)

    def tell(self, text: str) -> None:
        self.heard.text += text
        self._news.set()

    def end(self, usage: Event | None = None) -> None:
        if usage is not None:
            self.usage = llm.CompletionUsage(
                prompt_tokens=usage["input_tokens"],
                completion_tokens=usage["output_tokens"],
                total_tokens=usage["total_tokens"],
            )
        self.is_over = True
        self._news.set()

    def pause(self) -> None:
        self.is_paused = True

    def resume(self, from_chars: int) -> None:
        """What stands behind that place comes again."""
        self.is_paused = False
        self.heard.text = self.heard.text[:from_chars]
        self._news.set()

    def cut(self) -> None:
        self.is_cut = True
        self._news.set()

    def fail(self, error: Exception) -> None:
        self._failure = error
        self._news.set()

    async def texts(self) -> AsyncIterator[str]:
        """What LiveKit is to have, as it comes; raises what it failed with."""
        while not self.is_cut:
            if self._failure is not None:
                raise self._failure
            text = "" if self.is_paused else self.heard.text[self._num_given :]
            if text:
                self._num_given += len(text)
                yield text
            elif self.is_over and not self.is_paused:
                return
            else:
                self._news.clear()
                await self._news.wait()
