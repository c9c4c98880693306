"""Sessions: records, listing, live counts, transcripts."""

from duologue.session.transcript import Entry
from duologue.session_record import SessionPage, SessionRecord
from duologue.store.part import StorePart


class SessionStore(StorePart):
    """Sessions are kept for `store.session_ttl_s` after they were last used."""

    async def create_session(self, record: SessionRecord) -> None:
        """Keep a new session (as NEW, epoch 0); raises InvalidInput when the name is taken."""
        raise NotImplementedError

    async def session(self, tenant_id: str, session_id: str) -> SessionRecord | None:
        """The session as it stands; one whose lease ran out is ASLEEP."""
        raise NotImplementedError

    async def require_session(self, tenant_id: str, session_id: str) -> SessionRecord:
        """The session as it stands; raises UnknownSession."""
        raise NotImplementedError

    async def list_sessions(
        self, tenant_id: str | None = None, page_size: int = 100, page_token: str = ""
    ) -> SessionPage:
        """Sessions of one tenant, or of all, newest first. InvalidInput for a bad size or token."""
        raise NotImplementedError

    async def touch(self, tenant_id: str, session_id: str) -> None:
        """The session was used just now; raises UnknownSession."""
        raise NotImplementedError

    async def close_session(self, tenant_id: str, session_id: str) -> None:
        """End a session whoever holds it: its holder's next write is refused (StaleEpoch).

        Raises UnknownSession; closing a closed one changes nothing.
        """
        raise NotImplementedError

    async def transcript(self, tenant_id: str, session_id: str) -> list[Entry]:
        """What was said so far, also of a closed session; raises UnknownSession."""
        raise NotImplementedError
