"""Leases: who may change a session, and since when."""

from duologue.session_lease import Lease
from duologue.session_record import SessionStatus
from duologue.store.part import StorePart


class LeaseStore(StorePart):
    """One holder per session at a time; each taking has a higher epoch, which fences the older."""

    async def admit(self, tenant_id: str, session_id: str, max_sessions: int) -> None:
        """Hold a place among the tenant's live sessions until the lease is taken, or for a while.

        Raises QuotaExceeded when `max_sessions` of the tenant are live; a session that is live
        already is admitted always.
        """
        raise NotImplementedError

    async def count_live(self, tenant_id: str | None = None) -> int:
        """Sessions with a lease that has not run out, of one tenant or of all."""
        raise NotImplementedError

    async def take_lease(
        self,
        tenant_id: str,
        session_id: str,
        owner: str,
        *,
        address: str,
        node_id: str,
        known_epoch: int = 0,
    ) -> Lease:
        """Become the holder, under an epoch above the present one and above `known_epoch`.

        A holder that is alive is overtaken only by a caller who knows its epoch; otherwise raises
        LeaseHeld, which tells where it is. Raises UnknownSession, or SessionOver when it is closed.
        """
        raise NotImplementedError

    async def renew_lease(self, lease: Lease) -> None:
        """Hold it for another `lease_ms`; raises StaleEpoch when overtaken, closed or released."""
        raise NotImplementedError

    async def release_lease(
        self, lease: Lease, status: SessionStatus = SessionStatus.ASLEEP
    ) -> None:
        """Give the session up, ASLEEP or CLOSED; raises StaleEpoch when it is another's already.

        Releasing again under the same epoch changes nothing.
        """
        raise NotImplementedError
