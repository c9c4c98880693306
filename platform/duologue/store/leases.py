"""Leases: who may change a session, and since when."""

import secrets

from duologue.errors import LeaseHeld, QuotaUsedUp
from duologue.session_lease import Lease
from duologue.session_record import SessionStatus
from duologue.store.keys import TenantKeys
from duologue.store.part import ListedSession, StorePart, refuse
from duologue.store.scripts import ADMIT, COUNT_LIVE, END_HOLD, RENEW_LEASE, TAKE_LEASE
from duologue.store.sessions import CLOSED_JOURNAL_MS


class LeaseStore(StorePart):
    """One holder per session at a time; each taking has a higher epoch, which fences the older."""

    async def admit(self, tenant_id: str, session_id: str, max_sessions: int) -> None:
        """Hold a place among the tenant's live sessions: for two lease times, in which the lease
        should be taken.

        Raises QuotaUsedUp when `max_sessions` of the tenant are live; a session that is live
        already is admitted always.
        """
        hold_ms = 2 * self._settings.lease_ms
        arguments = (self._connection.now, session_id, max_sessions, hold_ms)
        keys = await self._tenant_keys(tenant_id)
        answer = await self._connection.run(ADMIT, [keys.live], arguments)
        if answer[0] == b"full":
            raise QuotaUsedUp(
                f"tenant {tenant_id!r} has {answer[1]} live sessions, at most {max_sessions}",
                retry_after_ms=self._settings.lease_ms,
            )

    async def count_live(self, tenant_id: str | None = None) -> int:
        """Live sessions of one tenant, or of all.

        One whose holder died is counted for up to a lease and a third longer, no more.
        """
        if tenant_id is not None:
            realms = [await self._realms.of(tenant_id)]
        else:
            realms = list((await self._realms.all()).values())
        now = self._connection.now
        counts = await self._connection.run_all(
            [(COUNT_LIVE, [TenantKeys.of(each).live], (now,)) for each in realms]
        )
        return sum(counts)

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
        After StoreUnavailable the lease may have been taken, by a holder that nobody is.
        """
        claim, lease_ms = secrets.token_bytes(12), self._settings.lease_ms
        who = (self._connection.now, claim, owner, address, node_id)
        arguments = (*who, known_epoch, lease_ms, self._ttl_ms)
        answer = await self._run(TAKE_LEASE, tenant_id, session_id, arguments)
        if answer[0] == b"held":
            epoch, where = int(answer[1]), answer[2].decode()
            held = f"session {session_id!r} is held at {where!r} under epoch {epoch}"
            raise LeaseHeld(held, where, epoch)
        refuse(answer, tenant_id, session_id)
        await self._list(tenant_id, session_id, ListedSession.of(answer[3:]), is_live=True)
        return Lease(tenant_id, session_id, owner, int(answer[1]), lease_ms, int(answer[2]))

    async def renew_lease(self, lease: Lease) -> None:
        """Hold it for another `lease_ms`; raises StaleEpoch when overtaken, closed or released."""
        times = (lease.lease_ms, self._ttl_ms, self._listing_ms)
        arguments = (self._connection.now, lease.epoch, *times)
        answer = await self._run(RENEW_LEASE, lease.tenant_id, lease.session_id, arguments)
        refuse(answer, lease.tenant_id, lease.session_id, lease.epoch)
        if answer[1]:
            told = ListedSession.of(answer[2:])
            await self._list(lease.tenant_id, lease.session_id, told, is_live=True)

    async def release_lease(
        self, lease: Lease, status: SessionStatus = SessionStatus.ASLEEP
    ) -> None:
        """Give the session up, ASLEEP or CLOSED; raises StaleEpoch when it is another's already.

        Releasing again under the same epoch changes nothing. Of a closed session, the transcript is
        kept as long as any session, the journal for ten minutes.
        """
        assert status in (SessionStatus.ASLEEP, SessionStatus.CLOSED), f"nobody holds a {status}"
        ttls = (self._ttl_ms, CLOSED_JOURNAL_MS)
        arguments = (self._connection.now, lease.epoch, status, *ttls)
        answer = await self._run(END_HOLD, lease.tenant_id, lease.session_id, arguments)
        refuse(answer, lease.tenant_id, lease.session_id, lease.epoch)
        told = ListedSession.of(answer[1:])
        await self._list(lease.tenant_id, lease.session_id, told, is_live=False)
