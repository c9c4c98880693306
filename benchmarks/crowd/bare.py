"""Sessions in this process at a batching actor beside it: no gateway, store or session actor.

What people notice here is what the sessions' own code and the model leave to the rest.
"""

import asyncio
import itertools
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Protocol, Self

from duologue.actors.batcher_client import RemoteSeat, describe
from duologue.batching.load_plan import Load
from duologue.clock import TickClock, UnixClock
from duologue.configuration import read_configuration
from duologue.errors import DuologueError
from duologue.events import (
    AssistantSaid,
    ClientEvent,
    Envelope,
    InputAppend,
    InputCommit,
    InputRevise,
    ServerEvent,
    SessionClose,
)
from duologue.hosting.session_ticks import SessionTicks
from duologue.lane.slices import Slice, SliceResult
from duologue.lane.state import LaneState
from duologue.session.model_words import ModelWords
from duologue.session.session import Session
from duologue.session.transcript import Entry
from duologue.session_config import SessionConfig
from duologue.settings import Settings

STOP_WITHIN_S = 30.0


class ASeat(Protocol):
    """At a batching actor: where slices go, and their results come from."""

    async def submit(self, work: Slice) -> None: ...
    def __aiter__(self) -> AsyncIterator[SliceResult | Load]: ...
    def close(self) -> Awaitable[None]: ...


Sit = Callable[[Session], Awaitable[ASeat]]
"""Takes a seat for a session."""


class BareConversation:
    """A session at its seat, as its user holds it: of a client's conversation what people use."""

    def __init__(self, session: Session, sit: "Sit", tick_ms: float) -> None:
        self.session_id = session.session_id
        self.seen = SimpleNamespace(num_gaps=0, num_repeated=0)
        self.sent = SimpleNamespace(num_kept=0)
        self.stats = SimpleNamespace(num_connections=1)
        self._session = session
        self._sit = sit
        self._clock = UnixClock()
        self._ticks = TickClock(0.0, tick_ms)
        self._session_ticks = SessionTicks(self._ticks)
        self._told: asyncio.Queue[ServerEvent] = asyncio.Queue()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._seat = await self._sit(self._session)
        self._tasks = [asyncio.create_task(self._drive()), asyncio.create_task(self._take())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        await self._seat.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ServerEvent:
        return await self._told.get()

    def pass_over(self) -> None:
        """Forget what was told so far and was not read."""
        while not self._told.empty():
            self._told.get_nowait()

    async def append(self, text: str, segment_id: str) -> None:
        self._receive(InputAppend(segment_id, text))

    async def revise(self, segment_id: str, text: str) -> None:
        self._receive(InputRevise(segment_id, text))

    async def commit(self) -> None:
        self._receive(InputCommit())

    async def assistant_said(self, text: str, response_id: int, *, is_end: bool = False) -> None:
        self._receive(AssistantSaid(text, response_id, is_end))

    async def close(self) -> None:
        self._receive(SessionClose())

    def _receive(self, event: ClientEvent) -> None:
        now_ms = self._clock.now_ms()
        self._tell(self._session.receive(event, now_ms, self._ticks.tick_at(now_ms)))
        self._changed.set()

    def _tell(self, envelopes: Sequence[Envelope]) -> None:
        for envelope in envelopes:
            self._told.put_nowait(envelope.event)

    async def _drive(self) -> None:
        """Whatever the session wants, when it wants it."""
        while True:
            self._changed.clear()
            now_ms = self._clock.now_ms()
            tick = self._ticks.tick_at(now_ms)
            pending = self._session.pending(now_ms)
            if pending.elapse_ms is not None and pending.elapse_ms <= now_ms:
                self._tell(self._session.elapse(now_ms, tick))
                pending = self._session.pending(now_ms)
            if self._session_ticks.may_submit(pending.slice_ms, now_ms):
                work = self._session.next_slice(now_ms, tick)
                if work is not None:
                    self._session_ticks.submitted(now_ms)
                    await self._seat.submit(work)
                    continue
            dues = [pending.elapse_ms] if pending.elapse_ms is not None else []
            if pending.slice_ms is not None:
                dues.append(self._session_ticks.next_ms(pending.slice_ms, now_ms))
            await self._wait(min(dues) - now_ms if dues else None)

    async def _wait(self, for_ms: float | None) -> None:
        try:
            async with asyncio.timeout(None if for_ms is None else max(0.0, for_ms) / 1e3):
                await self._changed.wait()
        except TimeoutError:
            pass

    async def _take(self) -> None:
        async for response in self._seat:
            if isinstance(response, SliceResult):
                self._tell(self._session.absorb(response, self._clock.now_ms()))
                self._changed.set()


class BareClient:
    """Opens such sessions."""

    def __init__(self, address: str, words: ModelWords, settings: Settings) -> None:
        self._address = address
        self._words = words
        self._settings = settings
        self._sessions: dict[str, Session] = {}

    def converse(self, config: SessionConfig) -> BareConversation:
        setup = self._words.setup(self._settings, config)
        session = Session(f"s{len(self._sessions)}", setup)
        self._sessions[session.session_id] = session
        return BareConversation(session, self._sit, self._settings.decoding.tick_ms)

    async def _sit(self, session: Session) -> RemoteSeat:
        return await RemoteSeat.take(
            self._address,
            tenant_id="bench",
            session_id=session.session_id,
            epoch=session.epoch,
            strategy=session.setup.strategy,
            lane=LaneState.of(session.lane),
            profile=session.setup.profile,
            had_seat=True,  # whoever comes is taken: too many show in what they notice
        )

    async def transcript(self, session_id: str) -> list[Entry]:
        return list(self._sessions[session_id].transcript)


@asynccontextmanager
async def bare_platform(settings: Sequence[str]) -> AsyncIterator[tuple[BareClient, int]]:
    """A batching actor with these settings for the length of a block, and its process's number."""
    with tempfile.TemporaryDirectory() as folder:
        address = f"unix:{folder}/b.sock"
        assignments = itertools.chain.from_iterable(("--set", each) for each in settings)
        command = [sys.executable, "-m", "duologue.actors.batcher_main", "--listen", address]
        process = await asyncio.create_subprocess_exec(
            *command,
            *assignments,
            env={**os.environ},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            assert process.stdout is not None
            if not await process.stdout.readline():
                raise DuologueError("the batching actor did not start")
            chosen = read_configuration(None, list(settings)).settings
            yield BareClient(address, await describe(address), chosen), process.pid
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(STOP_WITHIN_S):
                await process.wait()
