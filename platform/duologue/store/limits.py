"""How much the store takes. What goes beyond is refused, and nothing else is disturbed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """Bounds on what one tenant, session or cluster can put into the store."""

    max_entry_bytes: int = 2**20
    """One entry of a journal."""
    max_journal_bytes: int = 2**26
    """All entries of a journal behind its checkpoint."""
    max_journal_entries: int = 100_000
    max_checkpoint_bytes: int = 2**24
    max_config_bytes: int = 2**18
    """How a session is held, its system prompt included."""
    max_transcript_entries: int = 2_000
    """The oldest leave when there are more."""
    max_edit_entries: int = 1_000
    """Entries that one edit adds to a transcript."""
    max_edit_bytes: int = 2**22
    max_tenants: int = 10_000
    max_keys: int = 64
    """API keys of one tenant."""
    max_members: int = 10_000
    """Nodes of a cluster, and as many batching actors."""
