"""Settings and records that the store's tests share."""

from duologue.session.transcript import Entry, Outcome, Role
from duologue.session_lease import Lease
from duologue.session_record import SessionRecord
from duologue.store.limits import StoreLimits
from duologue.store.store import Store

LEASE_MS = 3_000
LISTING_MS = 1_000
TTL_S = 3_600
START_MS = 1_800_000_000_000
LIMITS = StoreLimits(
    max_entry_bytes=1_000,
    max_journal_bytes=2_000,
    max_journal_entries=6,
    max_checkpoint_bytes=2_000,
    max_config_bytes=500,
    max_transcript_entries=5,
    max_edit_entries=8,
    max_edit_bytes=2_000,
    max_tenants=4,
    max_keys=3,
    max_members=3,
)


def a_session(
    session_id: str = "one", tenant_id: str = "acme", created_ms: int = START_MS
) -> SessionRecord:
    """A new session's record."""
    config, digest = b"config \x00\xff", session_id.encode().rjust(32, b"\0")
    return SessionRecord(tenant_id, session_id, config, digest, created_ms)


async def take(
    store: Store, session_id: str = "one", *, tenant_id: str = "acme", known_epoch: int = 0
) -> Lease:
    """The session's lease, whoever holds it if its epoch is known."""
    return await store.take_lease(
        tenant_id, session_id, "actor", address="host:1", node_id="n1", known_epoch=known_epoch
    )


async def new_lease(store: Store, session_id: str = "one", *, tenant_id: str = "acme") -> Lease:
    """The first lease of a new session."""
    await store.create_session(a_session(session_id, tenant_id))
    return await take(store, session_id, tenant_id=tenant_id)


def said(text: str) -> Entry:
    """An entry of a transcript."""
    return Entry(Role.USER, text, Outcome.ANSWERED)
