"""One live session: a host, and the tasks that do what it asks for."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Self

from duologue.actors.event_cursor import EventCursor
from duologue.actors.journal_writer import JournalWriter
from duologue.actors.recalled_session import RecalledSession
from duologue.actors.seat_keeper import SeatKeeper
from duologue.actors.text_permission import mind_texts
from duologue.actors.token_portions import portion_for
from duologue.background import Background
from duologue.clock import Clock, TickClock
from duologue.cluster_status import BatcherStatus
from duologue.errors import (
    CapacityExceeded,
    DuologueError,
    InvalidInput,
    StoreUnavailable,
)
from duologue.events import ClientEvent
from duologue.hosting.actions import (
    Action,
    Adjust,
    AskTokens,
    EndOfHosting,
    FindSeat,
    Keep,
    Leave,
    Notify,
    Show,
    Submit,
    Write,
)
from duologue.hosting.host import Host
from duologue.hosting.ration import FREE_TOKENS, Ration
from duologue.lane.slices import SliceResult
from duologue.peers import IN_CLEAR, Peers
from duologue.session_lease import Lease
from duologue.session_record import SessionStatus
from duologue.settings import Settings
from duologue.store.store import Store
from duologue.telemetry import names
from duologue.telemetry.decision_rules import DecisionRules
from duologue.telemetry.session_spans import SessionSpans
from duologue.telemetry.session_trace import SessionTrace
from duologue.telemetry.tracing import Tracing
from duologue.v1 import session_pb2 as pb

log = logging.getLogger(__name__)

FAREWELL_WITHIN_S = 2.0
"""A client that does not read is not waited for any longer when its session leaves."""

FAULT = "a fault of the platform's own"

OnEnd = Callable[["LiveSession", EndOfHosting], None]


class LiveSession:
    """Everything happens on one event loop. The host decides; after whatever happened, it is asked
    what to do, and one timer asks it again when it wants to be asked."""

    def __init__(
        self,
        host: Host,
        lease: Lease,
        store: Store,
        clock: Clock,
        on_end: OnEnd,
        trace: SessionTrace | None = None,
    ) -> None:
        self.host = host
        self.lease = lease
        self._store = store
        self._clock = clock
        self._on_end = on_end
        self._trace = trace
        self._attachment: EventCursor | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._timer: asyncio.TimerHandle | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._background = Background()
        self._tokens_per_minute: int | None = None
        """Reply tokens of a tenant for whom nothing else is said."""
        self._seats: SeatKeeper
        self._journal: JournalWriter

    @classmethod
    async def open(
        cls,
        lease: Lease,
        store: Store,
        settings: Settings,
        clock: Clock,
        on_end: OnEnd,
        *,
        node_id: str,
        tracing: Tracing | None = None,
        peers: Peers = IN_CLEAR,
    ) -> Self:
        """Bring the session to life: the journal is read and played, and a seat is taken.

        Raises CapacityExceeded or BatcherUnavailable if no seat can be had now, ModelUnavailable if
        it was begun with a model that is no longer there, InvalidInput for a journal or a config
        that makes no sense.
        """
        began_ms = clock.now_ms()
        recalled = await RecalledSession.read(lease, store, settings, node_id, peers)
        trace = None
        if tracing is not None:
            trace = SessionTrace(tracing, lease.session_id, lease.tenant_id, lease.epoch)
        records_text, rules = recalled.records_text, DecisionRules.of(recalled.setup)
        spans = SessionSpans(trace, records_text=records_text, rules=rules) if trace else None
        host = Host(
            recalled.chronicle,
            TickClock(0.0, settings.decoding.tick_ms),
            settings.sessions,
            clock.now_ms(),
            observer=spans,
            ration=Ration(0 if recalled.is_limited(settings) else FREE_TOKENS),
        )
        session = cls(host, lease, store, clock, on_end, trace)
        session._tokens_per_minute = settings.sessions.default_output_tokens_per_minute
        session._seats = SeatKeeper(
            store,
            lease,
            node_id,
            session,
            model=recalled.model,
            words_digest=recalled.words_digest,
            traceparent="" if trace is None else trace.traceparent,
            described=recalled.described,
            peers=peers,
            max_tenant_cells=recalled.max_cells(settings),
            weight=recalled.weight,
        )
        await session._begin(recalled.choices)
        if spans is not None and records_text:
            minding = mind_texts(spans, store.tenant, lease.tenant_id)
            session._background.start(minding, "the permission to record texts")
        if trace is not None:
            replayed = {names.NUM_RECORDS: recalled.num_entries}
            trace.record(names.SESSION_RECOVER, began_ms, clock.now_ms(), replayed)
        session._pump()
        return session

    async def _begin(self, choices: Sequence[BatcherStatus]) -> None:
        """Take a seat, and do what else the host wants first."""
        first = self.host.actions(self._now_ms)
        wanted = [action for action in first if isinstance(action, FindSeat)]
        seats = [await self._seats.take(each, choices) for each in wanted]
        self._journal = JournalWriter(
            self._store, self.lease, self._kept, self.fail, self._wrote_slowly
        )
        for seat in seats:
            self._seats.hold(seat)
        for action in first:
            if not isinstance(action, FindSeat):
                self._do(action)

    # What clients do.

    def attach(self, hello: pb.Hello) -> tuple[EventCursor, pb.AttachResponse]:
        """Connect a client; an older connection ends. Raises InvalidInput, CapacityExceeded."""
        self.host.attach(hello.last_server_seq, self._now_ms)
        if (present := self._attachment) is not None:
            # The same connection again has lost that stream, and is not to hear of it.
            is_same = present.connection_number == hello.connection_number
            present.end(None if is_same else pb.AttachResponse(replaced=pb.Replaced()))
        self._attachment = EventCursor(
            hello.last_server_seq, self.host.events_after, hello.connection_number
        )
        welcome = pb.Welcome(
            epoch=self.lease.epoch,
            last_client_seq=self.host.chronicle.kept_client_seq,
            last_server_seq=self.host.chronicle.shown_seq,
            strategy=self.host.chronicle.session.setup.strategy.name,
        )
        self._pump()
        return self._attachment, pb.AttachResponse(welcome=welcome)

    def has_newer(self, hello: pb.Hello) -> bool:
        """Whether the client is connected by a newer connection than this one."""
        present = self._attachment
        return present is not None and present.connection_number > hello.connection_number

    def detach(self, attachment: EventCursor) -> None:
        """The connection is gone."""
        if self._attachment is attachment:
            self._attachment = None
            self.host.detach()

    async def receive(self, client_seq: int, event: ClientEvent, source: bytes = b"") -> None:
        """Take what the client says, as soon as there is room for it. Raises InvalidInput.

        What comes while the session leaves is not taken: the client will send it again.
        """
        await self._room.wait()
        if self.host.ending is None:
            self.host.receive(client_seq, event, self._now_ms, source)
            self._pump()

    def saw(self, server_seq: int) -> None:
        """The client has read so far; raises InvalidInput."""
        self.host.saw(server_seq)
        self._pump()

    # What batching actors and the store do.

    def seated(self) -> None:
        """A seat was taken."""
        self.host.seated()
        self._pump()

    def unseated(self, error: DuologueError) -> None:
        """The seat is lost."""
        log.info("session %s lost its seat: %s", self.lease.session_id, error)
        self.host.unseated(error, self._now_ms)
        self._pump()

    def absorb(self, result: SliceResult) -> None:
        """The result of a slice."""
        self.host.absorb(result, self._now_ms)
        self._pump()

    def fail(self, error: Exception) -> None:
        """The journal cannot be written, or something that should not fail has failed."""
        if not isinstance(error, DuologueError):
            self.host.give_up(FAULT)
        elif isinstance(error, StoreUnavailable | CapacityExceeded | InvalidInput):
            self.host.give_up(str(error))
        else:  # StaleEpoch; or the session is closed or gone: it is not ours in any case
            self.host.overtaken()
        self._pump()

    # What its owner does.

    def drain(self, grace_ms: float, reason: str) -> None:
        """Leave at the next silent moment, or at the end of the grace."""
        self.host.drain(self._now_ms + grace_ms, reason)
        self._pump()

    async def drop(self) -> None:
        """Let go of it at once; somebody else will hold it."""
        self.host.overtaken()
        self._pump()
        await self.ended()

    async def ended(self) -> None:
        """Wait until it has left."""
        if self._leaving is not None:
            await asyncio.shield(self._leaving)

    @property
    def _now_ms(self) -> float:
        return self._clock.now_ms()

    def _kept(self) -> None:
        self.host.kept(self._now_ms)
        self._pump()

    def _wrote_slowly(self, took_ms: float) -> None:
        if self._trace is not None:
            now_ms = self._now_ms
            self._trace.record(names.JOURNAL_WRITE, now_ms - took_ms, now_ms)

    def _pump(self) -> None:
        """Do what the host wants, and see to it that it is asked again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            for action in self.host.actions(self._now_ms):
                self._do(action)
            wake_ms = self.host.wakes_at_ms(self._now_ms)
        except Exception:
            log.exception("session %s failed", self.lease.session_id)
            self.host.give_up(FAULT)
            self._leave(Leave(EndOfHosting.MOVING, FAULT))
            return
        if self.host.is_full:
            self._room.clear()
        else:
            self._room.set()
        if wake_ms is not None:
            delay_s = max(0.0, wake_ms - self._now_ms) / 1e3
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._pump)

    def _do(self, action: Action) -> None:
        match action:
            case Submit(work):
                self._seats.submit(work)
            case Write() | Keep():
                self._journal.write(action)
            case Show():
                if self._attachment is not None:
                    self._attachment.wake()
            case Notify():
                if self._attachment is not None:
                    self._attachment.notify(action)
            case Adjust(profile):
                self._seats.adjust(profile)
            case FindSeat():
                self._seats.find(action)
            case AskTokens():
                self._background.start(self._fetch_tokens(), "reply tokens")
            case Leave():
                self._leave(action)

    async def _fetch_tokens(self) -> None:
        found = await portion_for(self._store, self.lease.tenant_id, self._tokens_per_minute)
        self.host.rationed(*found, self._now_ms)
        self._pump()

    def _leave(self, leave: Leave) -> None:
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._take_leave(leave))

    async def _take_leave(self, leave: Leave) -> None:
        log.info("session %s leaves: %s", self.lease.session_id, leave.reason)
        try:
            await self._background.stop()
            await self._seats.stop()
            await self._journal.stop()
            await self._release(leave.ending)
        except Exception:  # it is gone all the same
            log.exception("session %s does not leave in order", self.lease.session_id)
        if (attachment := self._attachment) is not None:
            attachment.end(_farewell(leave))
            try:
                async with asyncio.timeout(FAREWELL_WITHIN_S):
                    await attachment.is_over.wait()
            except TimeoutError:
                log.info("the client of %s does not read its end", self.lease.session_id)
        self._on_end(self, leave.ending)

    async def _release(self, ending: EndOfHosting) -> None:
        if ending is EndOfHosting.OVERTAKEN:
            return
        is_closed = ending is EndOfHosting.CLOSED
        status = SessionStatus.CLOSED if is_closed else SessionStatus.ASLEEP
        try:
            await self._store.release_lease(self.lease, status)
        except DuologueError as error:  # then it runs out
            log.warning("the lease of %s cannot be released: %s", self.lease.session_id, error)


def _farewell(leave: Leave) -> pb.AttachResponse | None:
    match leave.ending:
        case EndOfHosting.CLOSED:
            return None
        case EndOfHosting.ASLEEP:
            return pb.AttachResponse(asleep=pb.Asleep())
        case _:
            return pb.AttachResponse(leaving=pb.Leaving(reason=leave.reason))
