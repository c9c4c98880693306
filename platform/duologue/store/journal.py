"""The journal: a session's entries in order, and the checkpoint that they go on from."""

from dataclasses import dataclass

from duologue.errors import CapacityExceeded, UnknownSession
from duologue.session_lease import Lease
from duologue.session_record import TranscriptEdit
from duologue.store.connection import Argument
from duologue.store.encoding import entry_to_json
from duologue.store.part import ListedSession, StorePart, refuse
from duologue.store.scripts import APPEND, CHECKPOINT
from duologue.usage import Usage


@dataclass(frozen=True, slots=True)
class StoredJournal:
    """What a session is rebuilt from."""

    checkpoint: bytes | None
    entries: tuple[bytes, ...]
    """Those behind the checkpoint, in order."""


class JournalStore(StorePart):
    """Every write is fenced by its lease's epoch, and is one round trip."""

    async def append(
        self,
        lease: Lease,
        entry: bytes,
        *,
        transcript: TranscriptEdit | None = None,
        usage: Usage | None = None,
    ) -> int:
        """Add an entry, change the transcript, set the session's usage, and renew the lease.

        When it returns, with the entry's number, all of it is kept. When it raises StaleEpoch or
        CapacityExceeded (an entry, an edit or a journal over its bounds), nothing of it was done.
        After StoreUnavailable nobody knows: repeat it as it was, and it is taken once.
        """
        limits, edit = self._limits, self._edit(transcript)
        self._check_size("an entry of the journal", len(entry), limits.max_entry_bytes)
        number = lease.num_entries + 1
        counts: tuple[Argument, ...] = (
            ("",) * len(Usage().counts) if usage is None else usage.counts
        )
        arguments = (
            *(self._connection.now, lease.epoch, lease.lease_ms, self._ttl_ms, self._listing_ms),
            *(limits.max_journal_entries, limits.max_journal_bytes, limits.max_transcript_entries),
            *(number, entry, *counts, *edit),
        )
        answer = await self._run(APPEND, lease.tenant_id, lease.session_id, arguments)
        if answer[0] == b"full":
            raise CapacityExceeded(
                f"the journal of session {lease.session_id!r} may have {limits.max_journal_bytes}"
                f" bytes and {limits.max_journal_entries} entries behind its checkpoint, and has"
                f" {int(answer[1])} bytes: it needs a checkpoint"
            )
        refuse(answer, lease.tenant_id, lease.session_id, lease.epoch)
        lease.num_entries = number
        if answer[1]:  # about once in a third of a lease
            told = ListedSession.of(answer[2:])
            await self._list(lease.tenant_id, lease.session_id, told, is_live=True)
        return number

    async def checkpoint(
        self, lease: Lease, blob: bytes, *, num_entries: int | None = None
    ) -> None:
        """Replace the journal's first `num_entries` (by default all so far) with a checkpoint.

        Raises StaleEpoch, or CapacityExceeded for one that is too large.
        """
        self._check_size("a checkpoint", len(blob), self._limits.max_checkpoint_bytes)
        covered = lease.num_entries if num_entries is None else num_entries
        arguments = (self._connection.now, lease.epoch, self._ttl_ms, covered, blob)
        answer = await self._run(CHECKPOINT, lease.tenant_id, lease.session_id, arguments)
        refuse(answer, lease.tenant_id, lease.session_id, lease.epoch)

    async def read(self, tenant_id: str, session_id: str) -> StoredJournal:
        """The newest checkpoint and what was appended after it; raises UnknownSession.

        Take the lease first: then nothing comes behind what was read.
        """
        keys = await self._session_keys(tenant_id, session_id)
        is_known, checkpoint, entries = await self._connection.read_together(
            ("EXISTS", keys.meta), ("GET", keys.checkpoint), ("LRANGE", keys.journal, 0, -1)
        )
        if not is_known:
            raise UnknownSession(f"there is no session {session_id!r} of tenant {tenant_id!r}")
        return StoredJournal(checkpoint, tuple(entries))

    def _edit(self, transcript: TranscriptEdit | None) -> tuple[Argument, ...]:
        """An edit as append.lua wants it."""
        if transcript is None:
            return ("",)
        entries = [entry_to_json(entry).encode() for entry in transcript.entries]
        num_bytes = sum(map(len, entries))
        self._check_size("entries of an edit", len(entries), self._limits.max_edit_entries, "")
        self._check_size("an edit of the transcript", num_bytes, self._limits.max_edit_bytes)
        return (transcript.keep, *entries)

    def _check_size(self, what: str, size: int, limit: int, unit: str = " bytes") -> None:
        if size > limit:
            raise CapacityExceeded(f"{what} may be {limit}{unit} at most, not {size}")
