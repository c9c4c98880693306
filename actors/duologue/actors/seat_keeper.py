"""Keeps one session seated: finds a batching actor, hands slices in, notices when it is gone."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from typing import Protocol

from duologue.actors.batcher_client import RemoteSeat, describe
from duologue.background import Background
from duologue.cluster_status import BatcherStatus
from duologue.errors import (
    BatcherUnavailable,
    CapacityExceeded,
    DuologueError,
    ModelUnavailable,
    StoreUnavailable,
)
from duologue.hosting.actions import FindSeat
from duologue.hosting.placement import seats_in_order
from duologue.lane.profile import LaneProfile
from duologue.lane.slices import Slice, SliceResult
from duologue.peers import IN_CLEAR, Peers
from duologue.session_lease import Lease

log = logging.getLogger(__name__)

FIRST_RETRY_S = 0.1
LAST_RETRY_S = 2.0
LOOK_EVERY_S = 0.25
"""How often it is looked meanwhile whether another batching actor has been announced."""
SEAT_WITHIN_S = 5.0


class BatcherDirectory(Protocol):
    """Knows the batching actors; `duologue.store.store.Store` is one."""

    async def batchers(self) -> tuple[BatcherStatus, ...]: ...


class SeatListener(Protocol):
    """Who is told."""

    def seated(self) -> None: ...
    def unseated(self, error: DuologueError) -> None: ...
    def absorb(self, result: SliceResult) -> None: ...
    def fail(self, error: Exception) -> None: ...


class SeatKeeper:
    """One seat at a time. Searching goes on until there is one, or until `stop`."""

    def __init__(
        self,
        directory: BatcherDirectory,
        lease: Lease,
        node_id: str,
        sitter: SeatListener,
        *,
        model: str,
        words_digest: str,
        traceparent: str,
        described: str = "",
        peers: Peers = IN_CLEAR,
        max_tenant_cells: int = 0,
        weight: float = 1.0,
    ) -> None:
        """`model` is the one that the session is to be held by, if there is one to be;
        `words_digest` names the session's words: a model with others cannot seat it.

        The batching actor at the address `described` has said already that it has them. `weight` is
        the tenant's.
        """
        self._directory = directory
        self._lease = lease
        self._node_id = node_id
        self._sitter = sitter
        self._model = model
        self._words_digest = words_digest
        self._traceparent = traceparent
        self._described = described
        self._peers = peers
        self._max_tenant_cells = max_tenant_cells
        self._weight = weight
        self._seat: RemoteSeat | None = None
        self._avoid: set[str] = set()  # addresses that failed last
        self._holding: asyncio.Task[None] | None = None
        self._background = Background(sitter.fail)

    def find(self, wanted: FindSeat) -> None:
        """Give up the present seat and look for another one."""
        self._let_go()
        self._holding = self._background.start(self._hold(wanted), self._name)

    def adjust(self, profile: LaneProfile) -> None:
        """Tell the seat of other ways."""
        if self._seat is not None:
            self._send(partial(self._seat.change, profile))

    def submit(self, work: Slice) -> None:
        """Hand a slice in. That the seat is gone will be told by whoever reads from it."""
        if self._seat is not None:
            self._send(partial(self._seat.submit, work))

    async def stop(self) -> None:
        """Give the seat up, with its cells."""
        self._let_go()
        await self._background.stop()

    async def take(
        self, wanted: FindSeat, batchers: Sequence[BatcherStatus], *, had_seat: bool = False
    ) -> RemoteSeat:
        """A seat at the best of these. Raises StaleEpoch, or why the last one gave none."""
        error: DuologueError = CapacityExceeded("no batching actor has a seat")
        choices = seats_in_order(batchers, self._node_id, self._avoid, model=self._model)
        for batcher in choices:
            try:
                return await self._take(batcher.address, wanted, had_seat)
            except (BatcherUnavailable, CapacityExceeded, ModelUnavailable) as failed:
                self._avoid.add(batcher.address)
                error = failed
        raise error

    def hold(self, seat: RemoteSeat) -> None:
        """Go on with a seat that was taken already."""
        self._holding = self._background.start(self._listen(seat), self._name)

    async def _hold(self, wanted: FindSeat) -> None:
        retry_s = FIRST_RETRY_S
        batchers: Sequence[BatcherStatus] = ()
        while True:
            try:
                batchers = await self._directory.batchers()
                seat = await self.take(wanted, batchers, had_seat=True)
                break
            except (
                BatcherUnavailable,
                CapacityExceeded,
                ModelUnavailable,
                StoreUnavailable,
            ) as error:
                log.info("session %s has no seat: %s", self._lease.session_id, error)
            except DuologueError as error:
                self._sitter.unseated(error)
                return
            await self._wait(retry_s, {batcher.address for batcher in batchers})
            retry_s = min(2 * retry_s, LAST_RETRY_S)
        await self._listen(seat)

    async def _wait(self, within_s: float, known: Collection[str]) -> None:
        """Before the next attempt: a while, or until a batching actor is there that is not known.

        One that was started again comes back at another address. Everybody waits for it, and what
        it is ready for may not last.
        """
        now_s = asyncio.get_running_loop().time
        until_s = now_s() + within_s
        while (left_s := until_s - now_s()) > 0:
            await asyncio.sleep(min(LOOK_EVERY_S, left_s))
            with suppress(StoreUnavailable):
                batchers = await self._directory.batchers()
                if any(each.is_healthy and each.address not in known for each in batchers):
                    return

    async def _listen(self, seat: RemoteSeat) -> None:
        self._seat, self._avoid = seat, set()
        self._sitter.seated()
        try:
            async for response in seat:
                if isinstance(response, SliceResult) and self._seat is seat:
                    self._sitter.absorb(response)
        except DuologueError as error:
            self._avoid = {seat.address}
            if self._seat is seat:
                self._seat = None
                self._sitter.unseated(error)
        finally:
            seat.close()

    async def _require_words(self, address: str) -> None:
        words = await describe(address, within_s=SEAT_WITHIN_S, peers=self._peers)
        if words.words_digest != self._words_digest:
            raise ModelUnavailable(
                f"the batching actor at {address} has a model with another tokenizer or chat "
                f"format than session {self._lease.session_id} was begun with"
            )

    async def _take(self, address: str, wanted: FindSeat, had_seat: bool) -> RemoteSeat:
        is_described, self._described = address == self._described, ""
        if not is_described:
            await self._require_words(address)
        return await RemoteSeat.take(
            address,
            tenant_id=self._lease.tenant_id,
            session_id=self._lease.session_id,
            epoch=self._lease.epoch,
            strategy=wanted.strategy,
            lane=wanted.lane,
            profile=wanted.profile,
            traceparent=self._traceparent,
            had_seat=had_seat,
            max_tenant_cells=self._max_tenant_cells,
            weight=self._weight,
            within_s=SEAT_WITHIN_S,
            peers=self._peers,
        )

    def _let_go(self) -> None:
        seat, self._seat = self._seat, None
        if seat is not None:
            seat.close()
        if self._holding is not None and self._holding is not asyncio.current_task():
            self._holding.cancel()

    def _send(self, write: Callable[[], Awaitable[None]]) -> None:
        self._background.start(self._sent(write), self._name)

    @property
    def _name(self) -> str:
        return f"the seat of {self._lease.session_id}"

    async def _sent(self, write: Callable[[], Awaitable[None]]) -> None:
        try:
            await write()
        except BatcherUnavailable as error:
            log.debug("a slice could not be handed in: %s", error)
