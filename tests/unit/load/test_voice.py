"""The assistant of a simulated caller: it has the floor, loses it, and gets it back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

import pytest

from benchmarks.crowd import voice as module
from benchmarks.crowd.ear import Ear
from benchmarks.crowd.notes import Notes
from benchmarks.crowd.voice import Voice
from duologue.client import (
    Conversation,
    Interrupted,
    ResponsePaused,
    ResponseResumed,
    ResponseStarted,
)
from duologue.clock import ManualClock
from tests.waiting import waiting_for

SENTENCE = "one two three four five six seven eight nine"


@dataclass
class Told:
    """A conversation of which only what the assistant says matters."""

    said: list[tuple[str, int, bool]] = field(default_factory=list)
    on_said: Callable[[], None] = lambda: None

    async def assistant_said(self, text: str, response_id: int, *, is_end: bool) -> None:
        self.said.append((text, response_id, is_end))
        self.on_said()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody thinks, and words take no time."""
    monkeypatch.setattr(module, "THINKING_MS", (0.0, 0.0))
    monkeypatch.setattr(module, "WORDS_PER_MINUTE", 10**9)
    monkeypatch.setattr(module, "SENTENCES", (SENTENCE,))


@asynccontextmanager
async def speaking(told: Told) -> AsyncIterator[Voice]:
    ear = Ear(Notes(0, 0.0))
    conversation = cast("Conversation", cast("Any", told))
    voice = Voice(conversation, ear, asyncio.Event(), ManualClock(), Random(0))
    ear.told(ResponseStarted(1), 0.0)
    task = asyncio.create_task(voice.speak())
    yield voice
    task.cancel()
    await asyncio.wait({task})


async def _until(told: Told, count: int) -> None:
    async with waiting_for(f"{count} pieces", lambda: told.said):
        while len(told.said) < count:
            await asyncio.sleep(0)


async def test_it_speaks_when_it_has_the_floor_and_tells_its_end() -> None:
    told = Told()
    async with speaking(told) as voice:
        assert told.said == []
        voice.told(ResponseStarted(1))
        await _until(told, 3)
    assert [is_end for _, _, is_end in told.said] == [False, False, True]
    assert "".join(text for text, _, _ in told.said) == SENTENCE


@pytest.mark.parametrize("hush", [ResponsePaused(1), Interrupted(1, 3)])
async def test_it_falls_silent_and_goes_on_where_it_was(hush: Any) -> None:
    told = Told()
    async with speaking(told) as voice:
        told.on_said = lambda: voice.told(hush)
        voice.told(ResponseStarted(1))
        await _until(told, 1)
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(told.said) == 1
        told.on_said = lambda: None
        voice.told(ResponseResumed(1, 18))
        await _until(told, 3)
    assert "".join(text for text, _, _ in told.said) == SENTENCE
