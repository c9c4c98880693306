"""A session's lease: the right to change it, for as long as it is renewed."""

from dataclasses import dataclass


@dataclass(slots=True)
class Lease:
    """The handle of whoever holds a session. Each taking of it has a higher epoch.

    The store refuses everything under an older epoch, so the lease's time is a courtesy to the
    others and the epoch is the safety. One append at a time: the entries have an order.
    """

    tenant_id: str
    session_id: str
    owner: str
    """Who holds it, for people."""
    epoch: int
    lease_ms: int
    """How long it is good for after each renewal; every append renews it too."""
    num_entries: int = 0
    """Entries that the journal has had so far, those before its checkpoint included.

    The store counts it up with each append. By it, an append that is repeated because its answer
    was lost is taken once.
    """
