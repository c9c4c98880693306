"""What has happened to a session and what of it is kept: nothing is shown before."""

from duologue.events import InputAppend, InputRevise
from duologue.hosting.actions import Entry, Keep, Write
from duologue.session.chronicle import Chronicle
from duologue.session.records import Received, Record

MAX_PENDING_RECORDS = 512
MAX_PENDING_CHARS = 131_072
"""So much may wait for a slow store before the client has to wait as well; with one more event it
still fits into one entry."""


class Ledger:
    """Gathers records into entries. One write is under way at most; what happens meanwhile goes
    into the next one, so that a slow store makes entries longer and not more."""

    def __init__(self, chronicle: Chronicle, *, num_entries: int, max_entries: int) -> None:
        """`num_entries` are kept behind the checkpoint; beyond `max_entries` a new one is due."""
        self.shown_seq = chronicle.last_server_seq
        self.kept_client_seq = chronicle.last_client_seq
        self.num_entries = num_entries
        self._chronicle = chronicle
        self._max_entries = max_entries
        self._pending: list[Record] = []
        self._pending_chars = 0
        self._under_way: Entry | Keep | None = None

    @property
    def is_writing(self) -> bool:
        return self._under_way is not None

    @property
    def is_clean(self) -> bool:
        """Whether all that happened is kept."""
        self._gather()
        return not self._pending and not self.is_writing

    @property
    def is_full(self) -> bool:
        """Whether so much waits to be kept that no more should be taken."""
        self._gather()
        return len(self._pending) >= MAX_PENDING_RECORDS or self._pending_chars >= MAX_PENDING_CHARS

    @property
    def has_events(self) -> bool:
        """Whether there are events that wait to be kept before they are shown."""
        written = self._under_way.server_seq if isinstance(self._under_way, Entry) else 0
        return self._chronicle.last_server_seq > max(written, self.shown_seq)

    def next_entry(self) -> Write | None:
        """What is to be kept next, if nothing is being written."""
        self._gather()
        if self.is_writing or not self._pending:
            return None
        entry = Entry(
            records=tuple(self._pending),
            transcript=self._chronicle.take_transcript_edit(),
            usage=self._chronicle.usage,
            server_seq=self._chronicle.last_server_seq,
            client_seq=self._chronicle.last_client_seq,
        )
        self._pending, self._pending_chars = [], 0
        self._under_way = entry
        return Write(entry)

    def next_checkpoint(self, *, is_leaving: bool = False) -> Keep | None:
        """A checkpoint, if it is due and can be made now; one who leaves makes one in any case."""
        is_due = self.num_entries >= (1 if is_leaving else self._max_entries)
        if not is_due or not self.is_clean:
            return None
        checkpoint = self._chronicle.checkpoint()
        if checkpoint is None:
            return None
        self._under_way = Keep(checkpoint)
        return self._under_way

    def kept(self) -> bool:
        """What was under way is kept; returns whether there is more to show."""
        done, self._under_way = self._under_way, None
        assert done is not None, "nothing was being written"
        if isinstance(done, Keep):
            self.num_entries = 0
            return False
        self.num_entries += 1
        has_more = done.server_seq > self.shown_seq
        self.shown_seq, self.kept_client_seq = done.server_seq, done.client_seq
        return has_more

    def _gather(self) -> None:
        for record in self._chronicle.take_records():
            self._pending.append(record)
            if isinstance(record, Received) and isinstance(record.event, InputAppend | InputRevise):
                self._pending_chars += len(record.event.text)
