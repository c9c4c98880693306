"""The host: one live session among its client, its seat at the model, and its journal."""

from dataclasses import replace
from enum import Enum, auto
from math import ceil

from duologue.clock import TickClock
from duologue.errors import DuologueError, SessionEnded, StaleEpoch
from duologue.events import ClientEvent, Envelope, Interrupted, ResponseDone
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
from duologue.hosting.observer import HostObserver, Unobserved
from duologue.hosting.ration import Ration
from duologue.hosting.session_ticks import SessionTicks
from duologue.hosting.unseen_events import UnseenEvents
from duologue.lane.slices import SliceResult
from duologue.lane.state import LaneState
from duologue.notices import Backpressure, Notice, NoticeEvent, QuotaReached
from duologue.service_settings import SessionSettings
from duologue.session.chronicle import Checkpoint, Chronicle, JournalEntry
from duologue.session.recent_events import Told
from duologue.session.session import Pending

SEAT_WITHIN_MS = 60_000.0
"""A session that finds no seat for so long is given up, to be brought to life elsewhere."""

LINGER_MS = 2_000.0
"""A closed session that nobody is attached to waits so long for a client that missed the end."""


_OUTPUT_TOKENS = "output_tokens"


class _Seat(Enum):
    TAKEN = auto()
    LOST = auto()
    SOUGHT = auto()


class Host:
    """Runs without an event loop: tell it what happened, then do what `actions` says, then call it
    again at `wakes_at_ms` at the latest.

    Nothing is shown before it is kept: `events_after` gives only events whose entry is kept. Once
    it has said `Leave`, it takes nothing any more.
    """

    def __init__(
        self,
        chronicle: Chronicle,
        ticks: TickClock,
        settings: SessionSettings,
        now_ms: float,
        *,
        observer: HostObserver | None = None,
        ration: Ration | None = None,
    ) -> None:
        """A session that was just brought to life."""
        self.chronicle = chronicle
        self.unseen = UnseenEvents(chronicle.last_server_seq, settings.unseen_events)
        self.ration = ration or Ration()
        """Of its tenant's reply tokens."""
        self.ending: EndOfHosting | None = None
        self._observer = observer or Unobserved()
        self._settings = settings
        self._session_ticks = SessionTicks(ticks)
        self._seat = _Seat.LOST
        self._seat_lost_ms = now_ms
        self._setup_told = chronicle.session.setup
        self._active_ms = now_ms
        self._leaves_by_ms: float | None = None
        self._leave_reason = ""
        self._usage_after_seq: int | None = None
        self._waiting: list[Action] = []  # for the next `actions`
        if chronicle.session.is_busy:  # its batcher may still compute, but not for this epoch
            chronicle.abandon(now_ms)

    # What happens.

    def receive(
        self, client_seq: int, event: ClientEvent, now_ms: float, source: bytes = b""
    ) -> None:
        """The client says something, which came as `source`; a repeat is passed over.

        Raises InvalidInput for a gap before it, SessionEnded when the session is closed.
        """
        self._require_held()
        is_new = client_seq > self.chronicle.last_client_seq
        tick = self._tick(now_ms)
        envelopes = self.chronicle.receive(client_seq, event, now_ms, tick, source)
        self._note(envelopes)
        self._active_ms = now_ms
        if is_new:
            self._observer.received(event, now_ms)
            self._observer.elapsed(envelopes, now_ms)

    def attach(self, server_seq: int, now_ms: float) -> None:
        """A client connects that has seen the events up to this one.

        Raises InvalidInput, or CapacityExceeded if what it missed is no longer at hand.
        """
        self._require_held()
        self.events_after(server_seq)
        self.unseen.attach(server_seq)
        self._active_ms = now_ms

    def detach(self) -> None:
        """The connection is gone; the session goes on as long as it has something to do."""
        self.unseen.detach()

    def saw(self, server_seq: int) -> None:
        """The client has read so far."""
        self.unseen.saw(server_seq, self.chronicle.shown_seq)

    def seated(self) -> None:
        """A seat was taken, with what `FindSeat` said."""
        self._seat = _Seat.TAKEN

    def unseated(self, error: DuologueError, now_ms: float) -> None:
        """The seat is lost, and with it the slice under way."""
        if isinstance(error, StaleEpoch):
            self.overtaken()
        elif self._seat is _Seat.TAKEN:
            self._lose_seat(now_ms)
        elif self._seat is _Seat.SOUGHT:  # the search has ended: no seat takes it as it is
            self.give_up(str(error))

    def absorb(self, result: SliceResult, now_ms: float) -> None:
        """A result came. One that is not waited for is passed over."""
        work = self.chronicle.session.work
        if self.ending is None and work is not None and work.tick == result.tick:
            said_before = self.chronicle.usage.output_tokens
            envelopes = self.chronicle.absorb(result, now_ms)
            self.ration.spend(self.chronicle.usage.output_tokens - said_before)
            self._note(envelopes)
            self._active_ms = now_ms
            self._observer.arrived(result, envelopes, now_ms)

    def rationed(self, tokens: int, wait_ms: int, now_ms: float) -> None:
        """So many more reply tokens may be said; if none, there may be some in so long."""
        if tokens:
            self.ration.grant(tokens)
        else:
            self.ration.refuse(wait_ms, now_ms)

    def kept(self, now_ms: float) -> None:
        """The store has taken what was to be written."""
        if not self.chronicle.kept():
            return
        self._waiting.append(Show(self.chronicle.shown_seq))
        after = self._usage_after_seq
        if after is not None and after <= self.chronicle.shown_seq:
            self._usage_after_seq = None
            self._tell(self.chronicle.usage, now_ms, self.chronicle.shown_seq)

    def drain(self, until_ms: float, reason: str) -> None:
        """Move at the next silent moment, at the latest at that time."""
        self._leaves_by_ms, self._leave_reason = until_ms, reason

    def overtaken(self) -> None:
        """Somebody else holds the session: stop at once, and show nothing any more."""
        self._leave(EndOfHosting.OVERTAKEN, "another process holds the session")

    def give_up(self, reason: str) -> None:
        """It cannot go on here: stop at once. What is not kept has not happened."""
        self._leave(EndOfHosting.MOVING, reason)

    # What follows from it.

    def events_after(self, server_seq: int) -> list[Told]:
        """What a client may be shown that has seen the events up to this one."""
        told = self.chronicle.events_after(server_seq)
        return [each for each in told if each[0].server_seq <= self.chronicle.shown_seq]

    @property
    def is_full(self) -> bool:
        """Whether the client should wait with what it says, because the store is slow."""
        return self.chronicle.is_full

    def actions(self, now_ms: float) -> list[Action]:
        """What is to be done now, in order."""
        if self.ending is None:
            self._mind_the_seat(now_ms)
            self._mind_the_client(now_ms)
            self._elapse(now_ms)
            self._mind_the_ration(now_ms)
            self._submit(now_ms)
            self._write()
            self._consider_leaving(now_ms)
        waiting, self._waiting = self._waiting, []
        if waiting and isinstance(waiting[-1], Leave):
            self._observer.closed(self.chronicle.usage, now_ms)
        return waiting

    def wakes_at_ms(self, now_ms: float) -> float | None:
        """When to call `actions` again, if nothing happens until then; None for never."""
        if self.ending is not None:
            return None
        times = [] if self._leaves_by_ms is None else [self._leaves_by_ms]
        if self._seat is not _Seat.TAKEN:
            times.append(self._seat_lost_ms + SEAT_WITHIN_MS)
        if self.chronicle.session.is_closed:
            times.append(self._active_ms + LINGER_MS)
        elif self.chronicle.session.is_busy:
            times.append(self._session_ticks.overdue_ms)
        else:
            times += self._session_times(now_ms)
        late = [ms for ms in times if ms > now_ms]  # what is past waits for something else
        return min(late, default=None)

    def _session_times(self, now_ms: float) -> list[float]:
        """When the session wants something, or has slept in."""
        pending = self._pending(now_ms)
        if self._waits_for_tokens(now_ms):
            retry_ms = self.ration.retry_ms
            return [ms for ms in (retry_ms, pending.next_ms) if ms is not None]
        if pending.next_ms is None:
            return [self._active_ms + self._settings.sleep_after_ms]
        times = [] if pending.elapse_ms is None else [pending.elapse_ms]
        if pending.slice_ms is not None and self._seat is _Seat.TAKEN:
            times.append(self._session_ticks.next_ms(pending.slice_ms, now_ms))
        return times

    def _pending(self, now_ms: float) -> Pending:
        return self.chronicle.pending(now_ms, may_speak=self._may_speak)

    @property
    def _may_speak(self) -> bool:
        return not (self.unseen.is_behind or self.ration.is_empty)

    def _is_quiet(self, now_ms: float) -> bool:
        """Nothing to do until something happens."""
        if self.chronicle.session.is_busy or self._pending(now_ms).next_ms is not None:
            return False
        return not self._waits_for_tokens(now_ms)

    def _waits_for_tokens(self, now_ms: float) -> bool:
        """Whether a reply would go on if there were tokens."""
        if not self.ration.is_empty or self.unseen.is_behind:
            return False
        wanted_ms = self.chronicle.pending(now_ms, may_speak=True).slice_ms
        return wanted_ms is not None and wanted_ms != self._pending(now_ms).slice_ms

    def _elapse(self, now_ms: float) -> None:
        due_ms = self._pending(now_ms).elapse_ms
        if due_ms is not None and due_ms <= now_ms:
            envelopes = self.chronicle.elapse(now_ms, self._tick(now_ms))
            self._note(envelopes)
            self._observer.elapsed(envelopes, now_ms)

    def _mind_the_seat(self, now_ms: float) -> None:
        session = self.chronicle.session
        if session.is_busy and now_ms >= self._session_ticks.overdue_ms:
            self._lose_seat(now_ms)
        if self._seat is _Seat.LOST and not session.is_closed:
            self._seat, self._setup_told = _Seat.SOUGHT, session.setup
            strategy, profile = session.setup.strategy, session.setup.profile
            self._waiting.append(FindSeat(strategy, LaneState.of(session.lane), profile))

    def _lose_seat(self, now_ms: float) -> None:
        self._seat, self._seat_lost_ms = _Seat.LOST, now_ms
        self._observer.abandoned(now_ms)
        self.chronicle.abandon(now_ms)

    def _mind_the_client(self, now_ms: float) -> None:
        if self.unseen.falls_behind(self.chronicle.shown_seq):
            waiting = self.unseen.num_unseen(self.chronicle.shown_seq)
            self._tell(Backpressure(waiting), now_ms)

    def _mind_the_ration(self, now_ms: float) -> None:
        ration = self.ration
        if ration.is_due(now_ms) and self._has_something_to_do(now_ms):
            ration.asks()
            self._waiting.append(AskTokens())
        is_refused = ration.retry_ms is not None and not ration.is_refusal_told
        if is_refused and self._waits_for_tokens(now_ms):
            ration.is_refusal_told = True
            wait_ms = ceil(max(0.0, (ration.retry_ms or now_ms) - now_ms))
            self._tell(QuotaReached(_OUTPUT_TOKENS, wait_ms), now_ms)

    def _has_something_to_do(self, now_ms: float) -> bool:
        session = self.chronicle.session
        return session.is_busy or self.chronicle.pending(now_ms).next_ms is not None

    def _submit(self, now_ms: float) -> None:
        is_moving = self._leaves_by_ms is not None and now_ms >= self._leaves_by_ms
        if self._seat is not _Seat.TAKEN or is_moving:
            return
        if not self._session_ticks.may_submit(self._pending(now_ms).slice_ms, now_ms):
            return
        work = self.chronicle.next_slice(now_ms, self._tick(now_ms))
        if work is None:
            return
        setup = self.chronicle.session.setup
        if setup is not self._setup_told:
            self._setup_told = setup
            self._waiting.append(Adjust(setup.profile))
        allowed = max(0, self.ration.left_tokens) if self._may_speak else 0
        if work.reply_tokens > allowed:
            work = replace(work, reply_tokens=allowed)
        self._session_ticks.submitted(now_ms)
        self._observer.departed(work, now_ms)
        self._active_ms = now_ms
        self._waiting.append(Submit(work))

    def _write(self) -> None:
        """Without events to show, what happened can wait for the result of the slice under way."""
        session = self.chronicle.session
        if self.chronicle.has_events or session.is_closed or not session.is_busy:
            self._want_kept(self.chronicle.next_write())

    def _consider_leaving(self, now_ms: float) -> None:
        if self.chronicle.is_writing:
            return
        if self._leaves_by_ms is not None and now_ms >= self._leaves_by_ms:
            self._leave(EndOfHosting.MOVING, self._leave_reason)
        elif self.chronicle.session.is_closed:
            if self.unseen.is_attached or now_ms - self._active_ms >= LINGER_MS:
                self._leave(EndOfHosting.CLOSED, "the session is closed")
        elif self._leaves_by_ms is not None and self._is_quiet(now_ms):
            self._leave_in_order(EndOfHosting.MOVING, self._leave_reason)
        elif self._is_quiet(now_ms) and self._has_slept_in(now_ms):
            self._leave_in_order(EndOfHosting.ASLEEP, "nobody said anything for long")
        elif self._seat is not _Seat.TAKEN and now_ms - self._seat_lost_ms >= SEAT_WITHIN_MS:
            self._leave(EndOfHosting.MOVING, "no batching actor has a seat")

    def _has_slept_in(self, now_ms: float) -> bool:
        return now_ms - self._active_ms >= self._settings.sleep_after_ms

    def _leave_in_order(self, ending: EndOfHosting, reason: str) -> None:
        """Leave a checkpoint behind, so that whoever comes next has little to replay."""
        checkpoint = self.chronicle.next_checkpoint()
        if checkpoint is not None:
            self._want_kept(checkpoint)
        elif self.chronicle.is_clean:
            self._leave(ending, reason)

    def _want_kept(self, what: JournalEntry | Checkpoint | None) -> None:
        match what:
            case JournalEntry():
                self._waiting.append(Write(what))
            case Checkpoint():
                self._waiting.append(Keep(what))

    def _leave(self, ending: EndOfHosting, reason: str) -> None:
        if self.ending is None:
            self.ending = ending
            self._waiting.append(Leave(ending, reason))

    def _note(self, envelopes: list[Envelope]) -> None:
        for envelope in envelopes:
            if isinstance(envelope.event, ResponseDone | Interrupted):
                self._usage_after_seq = envelope.server_seq

    def _tell(self, event: NoticeEvent, now_ms: float, after_seq: int = 0) -> None:
        if self.unseen.is_attached:
            notice = Notice(self._tick(now_ms), self.chronicle.session.epoch, event)
            self._waiting.append(Notify(notice, after_seq))

    def _tick(self, now_ms: float) -> int:
        return self._session_ticks.ticks.tick_at(now_ms)

    def _require_held(self) -> None:
        if self.ending is EndOfHosting.CLOSED:
            raise SessionEnded(f"session {self.chronicle.session.session_id} is closed")
        if self.ending is not None:
            raise StaleEpoch(
                f"session {self.chronicle.session.session_id} is no longer held here: {self.ending}"
            )
