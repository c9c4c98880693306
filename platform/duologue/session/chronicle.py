"""A session that writes down what happens to it, and comes to life again from what was written."""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import NoReturn

from duologue.errors import CapacityExceeded, InvalidInput, ModelUnavailable, SessionEnded
from duologue.events import (
    AssistantSaid,
    ClientEvent,
    ContextAppend,
    Envelope,
    InputAppend,
    InputRevise,
    ResponseCreate,
    ToolResult,
)
from duologue.lane.slices import Slice, SliceResult
from duologue.lane.state import LaneState
from duologue.session.recent_events import RecentEvents, Told
from duologue.session.records import Abandoned, Arrived, Departed, Elapsed, Received, Record
from duologue.session.session import Pending, Session
from duologue.session.setup import SessionSetup
from duologue.session.state import SessionState
from duologue.session.transcript import Entry
from duologue.session_record import TranscriptEdit
from duologue.usage import Usage

MAX_PENDING_RECORDS = 512
MAX_PENDING_CHARS = 131_072
"""So much may wait for a slow store before the client has to wait as well; with one more event it
still fits into one entry."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A session at one moment; what happened before it need not be played again."""

    lane: LaneState
    state: SessionState
    last_client_seq: int
    recent_events: tuple[Told, ...] = ()
    """For clients that resume behind the checkpoint."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """All that happened since the entry before: kept as a whole, or not at all."""

    records: tuple[Record, ...]
    transcript: TranscriptEdit | None
    usage: Usage
    server_seq: int
    """Once it is kept, events up to this one may be shown."""
    client_seq: int
    """Once it is kept, the client need not keep its events up to this one."""


class Chronicle:
    """Every call that changes the session leaves a record. Records that are played again, in
    order, on the session of the checkpoint before them give the session again: its lane, its
    transcript, its next slice, and every event with its number.

    Nothing is shown before it is kept. `next_write` says what is to be kept next, one at a time,
    and `kept` is told when it is; what happens meanwhile goes into the next entry, so that a slow
    store makes entries longer and not more. A new session is first of all kept as it begins: with
    the terms that it is held by, whatever they are elsewhere later.
    """

    def __init__(
        self,
        session: Session,
        *,
        checkpoint: Checkpoint | None = None,
        recent_events: int = 512,
        max_entries: int = 400,
    ) -> None:
        """A session as it is at `checkpoint`, or one in which nothing happened yet.

        `recent_events` are kept for clients that resume, unless they are too large. Beyond
        `max_entries` behind a checkpoint, another one is due.
        """
        assert recent_events > 0, recent_events
        self.session = session
        self.last_client_seq = checkpoint.last_client_seq if checkpoint is not None else 0
        self.shown_seq = self.last_server_seq
        self.kept_client_seq = self.last_client_seq
        self.num_entries = 0
        """Entries behind the checkpoint."""
        events = checkpoint.recent_events if checkpoint is not None else ()
        self._told = RecentEvents(events, recent_events)
        self._max_entries = max_entries
        self._records: list[Record] = []
        self._pending_chars = 0
        self._written: tuple[Entry, ...] = tuple(session.transcript)  # as far as it was taken
        self._under_way: JournalEntry | Checkpoint | None = None
        self._beginning = self._checkpoint() if checkpoint is None else None

    @classmethod
    def restore(
        cls,
        setup: SessionSetup,
        session_id: str,
        epoch: int,
        checkpoint: Checkpoint | None,
        *,
        recent_events: int = 512,
        max_entries: int = 400,
    ) -> "Chronicle":
        """The session as it was at the checkpoint, or a new one; then `replay` what followed.

        `setup` is what a new session begins with. `epoch` holds for what happens from now on.
        Raises ModelUnavailable if the session's tokens are another model's.
        """
        state = lane = None
        if checkpoint is not None:
            require_same_words(setup, checkpoint.state, session_id)
            state, lane = deepcopy(checkpoint.state), checkpoint.lane.lane(setup.chat)
        session = Session(session_id, setup, epoch=epoch, state=state, lane=lane)
        return cls(
            session, checkpoint=checkpoint, recent_events=recent_events, max_entries=max_entries
        )

    @property
    def last_server_seq(self) -> int:
        """The last server event so far."""
        return self.session.state.num_events

    @property
    def usage(self) -> Usage:
        """What the session has used in all its life."""
        return self.session.usage

    # What happens.

    def receive(
        self, client_seq: int, event: ClientEvent, now_ms: float, tick: int, source: bytes = b""
    ) -> list[Envelope]:
        """Take a client event, which came as `source`. A repeat is passed over.

        Raises InvalidInput for a gap before it, and SessionEnded when the session is closed; then
        nothing has changed. What the session itself refuses is answered by an error event.
        """
        if client_seq <= self.last_client_seq:
            return []
        if self.session.is_closed:
            raise SessionEnded(f"session {self.session.session_id} is closed")
        if client_seq != self.last_client_seq + 1:
            raise InvalidInput(
                f"must be {self.last_client_seq + 1}, the one after the last that was "
                f"taken, not {client_seq}",
                field="client_seq",
            )
        if isinstance(event, InputAppend | InputRevise | AssistantSaid | ContextAppend):
            self._pending_chars += len(event.text)
        if isinstance(event, ResponseCreate):
            self._pending_chars += len(event.text) + len(event.instructions)
        if isinstance(event, ToolResult):
            self._pending_chars += len(event.output)
        return self._happen(Received(client_seq, event, now_ms, tick, source))

    def pending(self, now_ms: float, *, may_speak: bool = True) -> Pending:
        """What the session wants, and when."""
        return self.session.pending(now_ms, may_speak=may_speak)

    def next_slice(self, now_ms: float, tick: int) -> Slice | None:
        """What the session wants of the engine in this tick; None when there is nothing to do."""
        work = self.session.next_slice(now_ms, tick)
        if work is not None:
            self._records.append(Departed(now_ms, tick))
        return work

    def elapse(self, now_ms: float, tick: int) -> list[Envelope]:
        """Let the time bring what is due; returns what the client is to be told."""
        return self._happen(Elapsed(now_ms, tick))

    def absorb(self, result: SliceResult, now_ms: float) -> list[Envelope]:
        """Take what came of the slice; returns what the client is to be told, in order."""
        return self._happen(Arrived(result, now_ms))

    def abandon(self, now_ms: float) -> list[Envelope]:
        """The slice under way, if there is one, will never come back: its batcher is gone.

        Nothing came of it; the next slice asks for the same again.
        """
        return self._happen(Abandoned(now_ms)) if self.session.is_busy else []

    def replay(self, epoch: int, records: Iterable[Record]) -> None:
        """Let happen again what was written down under an epoch, as one entry that is kept.

        Raises InvalidInput if that cannot have happened to this session.
        """
        present, self.session.epoch = self.session.epoch, epoch
        try:
            for record in records:
                self._check(record)
                self._do(record)
        finally:
            self.session.epoch = present
        self._written = tuple(self.session.transcript)
        self.shown_seq, self.kept_client_seq = self.last_server_seq, self.last_client_seq
        self.num_entries += 1

    # What is kept of it.

    @property
    def is_writing(self) -> bool:
        return self._under_way is not None

    @property
    def is_clean(self) -> bool:
        """Whether all that happened is kept."""
        return not self._records and not self.is_writing and self._beginning is None

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be kept that no more should be taken."""
        return len(self._records) >= MAX_PENDING_RECORDS or self._pending_chars >= MAX_PENDING_CHARS

    @property
    def has_events(self) -> bool:
        """Whether there are events that wait to be kept before they are shown."""
        entry = self._under_way if isinstance(self._under_way, JournalEntry) else None
        return self.last_server_seq > max(entry.server_seq if entry else 0, self.shown_seq)

    def next_write(self) -> JournalEntry | Checkpoint | None:
        """What is to be kept next, if nothing is being written."""
        if self.is_writing:
            return None
        if self._beginning is not None:
            self._under_way, self._beginning = self._beginning, None
        elif self._records:
            self._under_way = JournalEntry(
                records=tuple(self._records),
                transcript=self._take_transcript_edit(),
                usage=self.session.usage,
                server_seq=self.last_server_seq,
                client_seq=self.last_client_seq,
            )
            self._records, self._pending_chars = [], 0
        elif self.num_entries >= self._max_entries:
            return self.next_checkpoint()
        return self._under_way

    def next_checkpoint(self) -> Checkpoint | None:
        """The session as it is, to be kept in place of all entries so far.

        None unless all that happened is kept, and something since the last checkpoint. Lets go of
        transcript entries that no longer change.
        """
        if not self.is_clean or not self.num_entries:
            return None
        self._under_way = self._checkpoint()
        return self._under_way

    def kept(self) -> bool:
        """What was under way is kept; returns whether there is more to show."""
        done, self._under_way = self._under_way, None
        assert done is not None, "nothing was being written"
        if isinstance(done, Checkpoint):
            self.num_entries = 0
            return False
        self.num_entries += 1
        has_more = done.server_seq > self.shown_seq
        self.shown_seq, self.kept_client_seq = done.server_seq, done.client_seq
        return has_more

    def events_after(self, server_seq: int) -> list[Told]:
        """What happened behind the events up to this number, kept or not.

        Raises InvalidInput if there is no such event yet, and CapacityExceeded if those behind it
        are no longer at hand.
        """
        if not 0 <= server_seq <= self.last_server_seq:
            raise InvalidInput(
                f"must be from 0 to {self.last_server_seq}, the last event so "
                f"far, not {server_seq}",
                field="last_server_seq",
            )
        num_missed = self.last_server_seq - server_seq
        if num_missed > len(self._told):
            raise CapacityExceeded(
                f"the {num_missed} events after {server_seq} are not kept any more, only the "
                f"last {len(self._told)}; the transcript has what was said"
            )
        return list(self._told)[len(self._told) - num_missed :]

    def _take_transcript_edit(self) -> TranscriptEdit | None:
        """How the whole transcript changed since the last time; None if it did not."""
        before, now = self._written, tuple(self.session.transcript)
        if before == now:
            return None
        pairs = zip(before, now, strict=False)
        keep = next((n for n, (old, new) in enumerate(pairs) if old != new), None)
        keep = min(len(before), len(now)) if keep is None else keep
        self._written = now
        return TranscriptEdit(self.session.state.num_earlier_entries + keep, now[keep:])

    def _checkpoint(self) -> Checkpoint:
        self.session.state.forget_entries()
        self._written = tuple(self.session.transcript)
        return Checkpoint(
            lane=LaneState.of(self.session.lane),
            state=deepcopy(self.session.state),
            last_client_seq=self.last_client_seq,
            recent_events=tuple(self._told),
        )

    def _happen(self, record: Record) -> list[Envelope]:
        envelopes = self._do(record)
        self._records.append(record)
        return envelopes

    def _do(self, record: Record) -> list[Envelope]:
        """Let something happen to the session; returns what its client is to be told of it."""
        envelopes: list[Envelope] = []
        match record:
            case Received(client_seq, event, now_ms, tick):
                self.last_client_seq = client_seq
                envelopes = self.session.receive(event, now_ms, tick)
            case Departed(now_ms, tick):
                # It left. At which pace a reply went on is told by what came of it.
                if self.session.next_slice(now_ms, tick, at_pace=False) is None:
                    self._refuse(record)
            case Elapsed(now_ms, tick):
                envelopes = self.session.elapse(now_ms, tick)
            case Arrived(result, now_ms):
                envelopes = self.session.absorb(result, now_ms)
            case Abandoned():
                self.session.abandon()
        for envelope in envelopes:
            self._told.add((envelope, self.last_client_seq))
        return envelopes

    def _check(self, record: Record) -> None:
        """Raise InvalidInput for a record that does not follow from those before it."""
        work = self.session.work
        match record:
            case Received(client_seq):
                is_next = client_seq == self.last_client_seq + 1
            case Departed():
                is_next = work is None
            case Arrived(result):
                is_next = work is not None and work.tick == result.tick
            case Abandoned():
                is_next = work is not None
            case Elapsed():
                is_next = True
        if not is_next:
            self._refuse(record)

    def _refuse(self, record: Record) -> NoReturn:
        raise InvalidInput(
            f"the journal of session {self.session.session_id} goes on with a record that does "
            f"not follow from those before it: {record}"
        )


def require_same_words(setup: SessionSetup, state: SessionState, session_id: str) -> None:
    """Raise ModelUnavailable if a session was begun with another tokenizer or chat format."""
    begun = state.terms.words_digest
    if begun != setup.words_digest:
        raise ModelUnavailable(
            f"session {session_id} was begun with the tokenizer and chat format {begun!r}, and "
            f"can go on only with them; this model has {setup.words_digest!r}. What was said "
            "stays in its transcript; begin a new session"
        )
