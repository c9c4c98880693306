"""Writes one session's journal: in order, one write at a time, and as often as it takes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from duologue.background import Background
from duologue.errors import DuologueError, StoreUnavailable
from duologue.hosting.actions import Keep, Write
from duologue.session_lease import Lease
from duologue.session_record import TranscriptEdit
from duologue.usage import Usage
from duologue.wire.checkpoints import checkpoint_to_bytes
from duologue.wire.journal import entry_to_bytes

log = logging.getLogger(__name__)

WRITE_WITHIN_S = 60.0
"""A store that does not answer for so long is given up by the session."""
RETRY_AFTER_S = 0.5
SLOW_WRITE_MS = 20.0
"""A write that takes so long is told of: somebody waits for it."""


class JournalTarget(Protocol):
    """What is needed of `duologue.store.store.Store`."""

    async def append(
        self,
        lease: Lease,
        entry: bytes,
        *,
        transcript: TranscriptEdit | None = None,
        usage: Usage | None = None,
    ) -> int: ...
    async def checkpoint(
        self, lease: Lease, blob: bytes, *, num_entries: int | None = None
    ) -> None: ...
    async def renew_lease(self, lease: Lease) -> None: ...


class JournalWriter:
    """Every write renews the lease as well; without writes it is renewed by itself."""

    def __init__(
        self,
        store: JournalTarget,
        lease: Lease,
        on_kept: Callable[[], None],
        on_failed: Callable[[Exception], None],
        on_slow: Callable[[float], None] | None = None,
    ) -> None:
        """`on_failed` is told why nothing is written any more: StaleEpoch when overtaken,
        StoreUnavailable in the end, or a fault of ours. `on_slow` is told how many milliseconds a
        write took that took long."""
        self._store = store
        self._lease = lease
        self._on_kept = on_kept
        self._on_failed = on_failed
        self._on_slow = on_slow
        self._renewed_s = asyncio.get_running_loop().time()
        self._wanted: asyncio.Queue[Write | Keep] = asyncio.Queue(maxsize=1)
        self._background = Background(on_failed)
        for work in (self._write_all, self._renew_always):
            self._background.start(self._told(work), f"the journal of {lease.session_id}")

    def write(self, action: Write | Keep) -> None:
        """Have something written; only after what was to be written before was kept."""
        self._wanted.put_nowait(action)

    async def stop(self) -> None:
        """Write nothing more, and do not renew the lease."""
        await self._background.stop()

    async def _told(self, work: Callable[[], Awaitable[None]]) -> None:
        """What ends a session in the course of things is no fault."""
        try:
            await work()
        except DuologueError as error:
            self._on_failed(error)

    async def _write_all(self) -> None:
        while True:
            action = await self._wanted.get()
            began_s = asyncio.get_running_loop().time()
            await self._persist(self._writing(action))
            took_ms = (asyncio.get_running_loop().time() - began_s) * 1e3
            if took_ms >= SLOW_WRITE_MS and self._on_slow is not None:
                self._on_slow(took_ms)
            self._on_kept()

    def _writing(self, action: Write | Keep) -> Callable[[], Awaitable[object]]:
        """The write, to be done until it is done; repeated as it was, the store takes it once."""
        if isinstance(action, Keep):
            blob = checkpoint_to_bytes(action.checkpoint)
            return lambda: self._store.checkpoint(self._lease, blob)
        entry = action.entry
        data = entry_to_bytes(self._lease.epoch, entry.records)
        return lambda: self._store.append(
            self._lease, data, transcript=entry.transcript, usage=entry.usage
        )

    async def _persist(self, write: Callable[[], Awaitable[object]]) -> None:
        now_s = asyncio.get_running_loop().time
        deadline_s = now_s() + WRITE_WITHIN_S
        while True:
            try:
                await write()
                self._renewed_s = now_s()
                return
            except StoreUnavailable as error:
                if now_s() > deadline_s:
                    raise
                log.warning("session %s waits for the store: %s", self._lease.session_id, error)
            await asyncio.sleep(RETRY_AFTER_S)

    async def _renew_always(self) -> None:
        """Until it is overtaken. A store that does not answer costs nothing: the epoch protects."""
        now_s, every_s = asyncio.get_running_loop().time, self._lease.lease_ms / 3000
        while True:
            await asyncio.sleep(max(0.05, self._renewed_s + every_s - now_s()))
            if now_s() - self._renewed_s < every_s:
                continue
            try:
                await self._store.renew_lease(self._lease)
            except StoreUnavailable as error:
                log.warning("the lease of %s cannot be renewed: %s", self._lease.session_id, error)
            self._renewed_s = now_s()
