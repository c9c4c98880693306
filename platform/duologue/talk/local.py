"""Conversations with an engine in this process, for a terminal."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from duologue.clock import Clock, MonotonicClock
from duologue.events import ClientEvent, Envelope
from duologue.notices import Notice, SessionReady
from duologue.runtime.assembly import Assembly
from duologue.runtime.local import LocalRuntime
from duologue.session.session import Session
from duologue.session.transcript import Entry
from duologue.talk.conversation import OnQueued
from duologue.told import Told


class LocalConversations:
    """One after another, each a session of its own."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._sessions: dict[str, Session] = {}

    @asynccontextmanager
    async def begin(self, on_queued: OnQueued) -> AsyncIterator["LocalConversation"]:
        """There always is room."""
        session_id = f"local-{len(self._sessions) + 1}"
        conversation = LocalConversation(self._assembly, session_id)
        self._sessions[session_id] = conversation.session
        task = asyncio.create_task(conversation.run(), name=f"conversation {session_id}")
        try:
            yield conversation
        finally:
            conversation.leave()
            await task

    async def transcript(self, session_id: str) -> Sequence[Entry]:
        return self._sessions[session_id].transcript


class LocalConversation:
    """Runs ticks in a thread of its own, so that keys are read and pictures drawn meanwhile.

    What the user does is taken between two ticks, and whenever the time until the next is waited
    for: the session is never touched from two threads at once.
    """

    def __init__(self, assembly: Assembly, session_id: str, clock: Clock | None = None) -> None:
        tick_ms = assembly.setup.decoding.tick_ms
        self._runtime = LocalRuntime(
            assembly.engine, clock or MonotonicClock(), tick_ms=tick_ms, listener=self._listen
        )
        self._loop = asyncio.get_running_loop()
        self._told: asyncio.Queue[Told | None] = asyncio.Queue()
        self._sent: list[ClientEvent] = []
        self._changed = asyncio.Event()
        self._is_left = False
        self.session = self._runtime.open(session_id, assembly.setup)
        strategy = assembly.setup.strategy.name
        ready = SessionReady(session_id, "", int(tick_ms), 0, 0, strategy)
        self._told.put_nowait(Notice(self._runtime.tick, self.session.epoch, ready))

    @property
    def session_id(self) -> str:
        return self.session.session_id

    async def told(self) -> AsyncIterator[Told]:
        while (told := await self._told.get()) is not None:
            yield told

    async def send(self, event: ClientEvent) -> None:
        self._sent.append(event)
        self._changed.set()

    def leave(self) -> None:
        """Let `run` end with the present tick."""
        self._is_left = True
        self._changed.set()

    async def run(self) -> None:
        """Hold the conversation until it is left."""
        try:
            with ThreadPoolExecutor(1, "ticks") as thread:
                while not self._is_left:
                    self._take_sent()
                    await self._loop.run_in_executor(thread, self._runtime.run_tick)
                    await self._rest_of_tick()
        finally:
            self._runtime.close(self.session_id)
            self._told.put_nowait(None)

    async def _rest_of_tick(self) -> None:
        """What is said or told meanwhile comes at its time."""
        tick = self._runtime.tick
        while self._runtime.tick == tick and not self._is_left:
            self._take_sent()
            self._runtime.poll()
            await self._change(self._runtime.idle_ms())

    def _take_sent(self) -> None:
        sent, self._sent = self._sent, []
        for event in sent:
            self._runtime.send(self.session_id, event)

    async def _change(self, within_ms: float) -> None:
        """Wait until the user does something, or for so long."""
        try:
            async with asyncio.timeout(within_ms / 1e3):
                await self._changed.wait()
        except TimeoutError:
            pass
        self._changed.clear()

    def _listen(self, session_id: str, envelopes: Sequence[Envelope], now_ms: float) -> None:
        """In whichever thread the session is run."""
        for envelope in envelopes:
            self._loop.call_soon_threadsafe(self._told.put_nowait, envelope)
