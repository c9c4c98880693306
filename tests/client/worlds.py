"""Clients whose waits take no time, and conversations that are read to an end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from duologue.client import (
    ClientOptions,
    Conversation,
    Envelope,
    Event,
    Patience,
    ResponseDelta,
    ResponseDone,
    Timing,
    connect,
)
from duologue.client.client import Client
from duologue.clock import ManualClock
from tests.client.service import KEY, EchoService, serving
from tests.waiting import waiting_for


@dataclass
class ShortWaits:
    """Sleeps move the clock and take no time."""

    clock: ManualClock = field(default_factory=ManualClock)
    slept_ms: list[float] = field(default_factory=list)

    async def sleep_ms(self, duration_ms: float) -> None:
        self.slept_ms.append(duration_ms)
        self.clock.advance(duration_ms)

    @property
    def timing(self) -> Timing:
        return Timing(self.clock, Random(1), self.sleep_ms)


def impatient(**settings: int) -> ClientOptions:
    return ClientOptions(patience=Patience(open_within_ms=0, resume_within_ms=2_000), **settings)


@asynccontextmanager
async def client_of(
    service: EchoService, options: ClientOptions | None = None, waits: ShortWaits | None = None
) -> AsyncIterator[Client]:
    """A client of the service on a real port."""
    waits = waits or ShortWaits()
    async with (
        serving(service) as address,
        connect(address, api_key=KEY, options=options, timing=waits.timing) as client,
    ):
        yield client


async def until_done(conversation: Conversation, replies: int = 1) -> list[Event]:
    """Everything that is told up to the end of so many replies."""
    events: list[Event] = []
    async with waiting_for(f"the end of reply {replies}", lambda: events):
        async for event in conversation:
            events.append(event)
            replies -= isinstance(event, ResponseDone)
            if not replies:
                break
    return events


async def numbers(conversation: Conversation) -> list[int]:
    """The numbers of the session's events, to the end of a reply."""
    found: list[int] = []
    async with waiting_for("the end of a reply", lambda: found):
        async for told in conversation.told():
            if isinstance(told, Envelope):
                found.append(told.server_seq)
                if isinstance(told.event, ResponseDone):
                    break
    return found


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, ResponseDelta))
