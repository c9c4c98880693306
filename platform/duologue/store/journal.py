"""The journal: a session's entries in order, and the checkpoint that they go on from."""

from dataclasses import dataclass

from duologue.session_lease import Lease
from duologue.session_record import TranscriptEdit
from duologue.store.part import StorePart
from duologue.usage import Usage


@dataclass(frozen=True, slots=True)
class StoredJournal:
    """What a session is rebuilt from."""

    checkpoint: bytes | None
    entries: tuple[bytes, ...]
    """Those behind the checkpoint, in order."""


class JournalStore(StorePart):
    """Every write is fenced by its lease's epoch, and each is one round trip."""

    async def append(
        self,
        lease: Lease,
        entry: bytes,
        *,
        transcript: TranscriptEdit | None = None,
        usage: Usage | None = None,
    ) -> int:
        """Add an entry, change the transcript, set the session's usage, and renew the lease.

        When it returns, with the entry's number, all of it is kept; when it raises StaleEpoch or
        CapacityExceeded (an entry or a journal over its bounds), nothing of it was done. After
        StoreUnavailable nobody knows: repeat it with the same entry, and it is taken once.
        """
        raise NotImplementedError

    async def checkpoint(
        self, lease: Lease, blob: bytes, *, num_entries: int | None = None
    ) -> None:
        """Replace the journal's first `num_entries` (by default all so far) with a checkpoint.

        Raises StaleEpoch, or CapacityExceeded for one that is too large.
        """
        raise NotImplementedError

    async def read(self, tenant_id: str, session_id: str) -> StoredJournal:
        """The newest checkpoint and what was appended after it; raises UnknownSession."""
        raise NotImplementedError
