"""A session that writes down what happens to it, and comes to life again from what was written."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from duologue.errors import CapacityExceeded, InvalidInput, SessionOver
from duologue.events import ClientEvent, Envelope
from duologue.lane.slices import Slice, SliceResult
from duologue.lane.state import LaneState
from duologue.session.lasting import LastingSession
from duologue.session.memory import SessionMemory
from duologue.session.records import Abandoned, Arrived, Departed, Received, Record
from duologue.session.setup import SessionSetup
from duologue.session.transcript import Entry
from duologue.session_record import TranscriptEdit
from duologue.usage import Usage

Told = tuple[Envelope, int]
"""A server event, and the last client event that the session had taken when it happened."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A session at a silent moment; what happened before it need not be played again."""

    lane: LaneState
    memory: SessionMemory
    last_client_seq: int
    recent_events: tuple[Told, ...]
    """For clients that resume behind the checkpoint."""


class Chronicle:
    """Every call that changes the session leaves a record. Records that are played again, in
    order, on the session of the checkpoint before them give the session again: its lane, its
    transcript, its next slice, and every event with its number.

    Whatever is to survive must be kept, by `take_records`, before its events are shown.
    """

    def __init__(
        self, session: LastingSession, *, recent_events: int = 512, last_client_seq: int = 0
    ) -> None:
        """`recent_events` are kept for clients that resume."""
        assert recent_events > 0, recent_events
        self.session = session
        self.last_client_seq = last_client_seq
        self.last_server_seq = 0
        self._told: deque[Told] = deque(maxlen=recent_events)
        self._records: list[Record] = []
        self._written: tuple[Entry, ...] = ()  # the transcript at hand, as far as it was taken

    @classmethod
    def restore(
        cls,
        setup: SessionSetup,
        session_id: str,
        epoch: int,
        checkpoint: Checkpoint | None,
        *,
        recent_events: int = 512,
    ) -> "Chronicle":
        """The session as it was at the checkpoint, or a new one; then `replay` what followed.

        `setup` is what the session began with. `epoch` holds for what happens from now on.
        """
        session = LastingSession(session_id, setup, epoch=epoch)
        chronicle = cls(session, recent_events=recent_events)
        if checkpoint is not None:
            session.recall(checkpoint.memory, checkpoint.lane.lane(setup.chat))
            chronicle.last_client_seq = checkpoint.last_client_seq
            chronicle.last_server_seq = checkpoint.memory.num_events
            chronicle._told.extend(checkpoint.recent_events)
            chronicle._written = tuple(session.transcript)
        return chronicle

    @property
    def transcript(self) -> Sequence[Entry]:
        """What was said since the last checkpoint; `num_earlier_entries` stand before it."""
        return self.session.transcript

    @property
    def num_earlier_entries(self) -> int:
        """Entries of the transcript that no longer change, and are not at hand."""
        return self.session.num_earlier_entries

    @property
    def usage(self) -> Usage:
        """What the session has used in all its life."""
        return self.session.usage

    def receive(
        self, client_seq: int, event: ClientEvent, now_ms: float, tick: int
    ) -> list[Envelope]:
        """Take a client event. A repeat is passed over.

        Raises InvalidInput for a gap before it, and SessionOver when the session is closed; then
        nothing has changed. What the session itself refuses is answered by an error event.
        """
        if client_seq <= self.last_client_seq:
            return []
        if self.session.is_closed:
            raise SessionOver(f"session {self.session.session_id} is closed")
        if client_seq != self.last_client_seq + 1:
            raise InvalidInput(
                f"client_seq must be {self.last_client_seq + 1}, the one after the last that was "
                f"taken, not {client_seq}"
            )
        return self._happen(Received(client_seq, event, now_ms, tick))

    def next_slice(self, now_ms: float, tick: int) -> Slice | None:
        """What the session wants of the engine in this tick; None when there is nothing to do."""
        work = self.session.next_slice(now_ms, tick)
        if work is not None:
            self._records.append(Departed(now_ms, tick))
        return work

    def absorb(self, result: SliceResult, now_ms: float) -> list[Envelope]:
        """Take what came of the slice; returns what the client is to be told, in order."""
        return self._happen(Arrived(result, now_ms))

    def abandon(self, now_ms: float) -> list[Envelope]:
        """The slice under way, if there is one, will never come back: its batcher is gone.

        Nothing came of it; the next slice asks for the same again.
        """
        return self._happen(Abandoned(now_ms)) if self.session.is_busy else []

    def take_records(self) -> tuple[Record, ...]:
        """What happened since the last time: what the next journal entry holds."""
        records, self._records = tuple(self._records), []
        return records

    def take_transcript_edit(self) -> TranscriptEdit | None:
        """How the whole transcript changed since the last time; None if it did not."""
        before, now = self._written, tuple(self.session.transcript)
        if before == now:
            return None
        pairs = zip(before, now, strict=False)
        keep = next((n for n, (old, new) in enumerate(pairs) if old != new), None)
        keep = min(len(before), len(now)) if keep is None else keep
        self._written = now
        return TranscriptEdit(self.num_earlier_entries + keep, now[keep:])

    def replay(self, epoch: int, records: Iterable[Record]) -> None:
        """Let happen again what was written down under an epoch; it counts as taken.

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

    def events_after(self, server_seq: int) -> Sequence[Told]:
        """What a client is to be told that has seen the events up to this number.

        Raises InvalidInput if there is no such event yet, and CapacityExceeded if those behind it
        are no longer kept.
        """
        if not 0 <= server_seq <= self.last_server_seq:
            raise InvalidInput(
                f"last_server_seq must be from 0 to {self.last_server_seq}, the last event so "
                f"far, not {server_seq}"
            )
        num_missed = self.last_server_seq - server_seq
        if num_missed > len(self._told):
            raise CapacityExceeded(
                f"the {num_missed} events after {server_seq} are not kept any more, only the "
                f"last {len(self._told)}; the transcript has what was said"
            )
        return list(self._told)[len(self._told) - num_missed :]

    def checkpoint(self) -> Checkpoint | None:
        """The session as it is, to be kept in place of all records so far.

        None unless it is silent: nothing to hear, nothing to say, no slice under way, no decision
        about to be taken back, and not closed; and unless all records and the transcript's changes
        were taken. Lets go of transcript entries that no longer change.
        """
        is_taken = not self._records and self._written == tuple(self.session.transcript)
        if not (is_taken and self.session.can_be_remembered):
            return None
        self.session.forget_entries()
        self._written = tuple(self.session.transcript)
        return Checkpoint(
            lane=LaneState.of(self.session.lane),
            memory=self.session.memory,
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
                if self.session.next_slice(now_ms, tick) is None:
                    self._refuse(record)
            case Arrived(result, now_ms):
                envelopes = self.session.absorb(result, now_ms)
            case Abandoned():
                self.session.abandon()
        for envelope in envelopes:
            self.last_server_seq = envelope.server_seq
            self._told.append((envelope, self.last_client_seq))
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
        if not is_next:
            self._refuse(record)

    def _refuse(self, record: Record) -> NoReturn:
        raise InvalidInput(
            f"the journal of session {self.session.session_id} goes on with a record that does "
            f"not follow from those before it: {record}"
        )
