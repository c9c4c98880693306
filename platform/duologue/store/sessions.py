"""Sessions: their records, their lists, their transcripts."""

from collections.abc import Mapping, Sequence

from duologue.errors import CapacityExceeded, InvalidInput, QuotaUsedUp, UnknownSession
from duologue.session.transcript import Entry
from duologue.session_record import SessionPage, SessionRecord, SessionStatus, TranscriptPage
from duologue.store.encoding import entry_from_json, record_fields, record_from_fields
from duologue.store.keys import TenantKeys
from duologue.store.page_token import PageToken
from duologue.store.part import ROOM_AGAIN_MS, ListedSession, StorePart, refuse, too_many_bytes
from duologue.store.scripts import (
    CREATE_SESSION,
    END_HOLD,
    PAGE,
    ROOM,
    SESSION,
    TOUCH,
    TRANSCRIPT,
)
from duologue.usage import Usage

CLOSED_JOURNAL_MS = 600_000
"""How long a closed session's journal is kept, for a client that missed the end."""

_MAX_PAGE = 1_000
_PAGE_BYTES = 2**20
"""A page ends where its sessions' configs, or its entries, have so many together."""
_BARE_BYTES = 1_024
"""What a session takes beside its config, journal, checkpoint and transcript."""
_AT_ONCE = 32
"""Records that are fetched together: of the largest configs, 8 MiB."""


class SessionStore(StorePart):
    """Sessions are kept for `store.session_ttl_s` after they were last used."""

    async def create_session(self, record: SessionRecord) -> None:
        """Keep a new session, as NEW and with epoch 0; the record's usage is passed over.

        Raises InvalidInput when the name is taken, CapacityExceeded for too large a config or when
        the store is nearly full.
        """
        limit = self._limits.max_config_bytes
        if len(record.config) > limit:
            raise CapacityExceeded(f"config has {len(record.config)} bytes, at most {limit}")
        keys = await self._session_keys(record.tenant_id, record.session_id)
        arguments = (self._ttl_ms, record.resume_digest, *record_fields(record))
        answer = await self._connection.run(CREATE_SESSION, keys.all, arguments)
        if answer[0] == b"taken":
            raise InvalidInput(f"session_id {record.session_id!r} is taken")
        if answer[0] == b"crowded":
            raise CapacityExceeded("the store is nearly full, and takes no new sessions")
        where = record.tenant_id, record.session_id
        told = ListedSession(Usage(), len(record.config) + _BARE_BYTES)
        await self._list(*where, told, created_ms=record.created_ms)

    async def check_room(
        self, tenant_id: str, session_id: str, num_bytes: int, max_sessions: int, max_bytes: int
    ) -> None:
        """Raise QuotaUsedUp when the tenant may not have another session with such a config."""
        keys = await self._tenant_keys(tenant_id)
        bounds = (num_bytes + _BARE_BYTES, max_sessions, max_bytes)
        arguments = (self._connection.now, session_id, *bounds)
        answer = await self._connection.run(ROOM, keys.all, arguments)
        if answer[0] == b"sessions":
            raise QuotaUsedUp(
                f"{int(answer[1])} sessions are kept, those that are closed included, at most"
                f" {max_sessions}",
                retry_after_ms=ROOM_AGAIN_MS,
            )
        if answer[0] == b"bytes":
            raise too_many_bytes(max_bytes)

    async def session(self, tenant_id: str, session_id: str) -> SessionRecord | None:
        """The session as it stands; one whose lease ran out is ASLEEP."""
        records = await self._records([(tenant_id, session_id)])
        if not records and await self._realms.has_changed(tenant_id):
            records = await self._records([(tenant_id, session_id)])
        return records[0] if records else None

    async def require_session(self, tenant_id: str, session_id: str) -> SessionRecord:
        """The session as it stands; raises UnknownSession."""
        record = await self.session(tenant_id, session_id)
        if record is None:
            raise UnknownSession(f"there is no session {session_id!r} of tenant {tenant_id!r}")
        return record

    async def list_sessions(
        self, tenant_id: str | None = None, page_size: int = 0, page_token: str = ""
    ) -> SessionPage:
        """Sessions of one tenant, or of all, newest first; a page size of 0 is 100.

        A page also ends where its configs have a mebibyte. Raises InvalidInput for a page size
        beyond 1000 and for a token that is none of ours.
        """
        size = _page_size(page_size, 100)
        place = PageToken.parse(page_token) if page_token else None
        if tenant_id is not None:
            realms = {tenant_id: await self._realms.of(tenant_id)}
        else:
            realms = await self._realms.all()
        found = await self._places(realms, place, size + 1)
        page, records, num_bytes = found[:size], list[SessionRecord](), 0
        for begin in range(0, len(page), _AT_ONCE):
            some = page[begin : begin + _AT_ONCE]
            records += await self._records([(each.tenant_id, each.session_id) for each in some])
            num_bytes = sum(len(record.config) for record in records)
            if num_bytes >= _PAGE_BYTES:
                page = _within(page[: begin + _AT_ONCE], records)
                names = {(each.tenant_id, each.session_id) for each in page}
                records = [each for each in records if (each.tenant_id, each.session_id) in names]
                break
        is_last = len(page) == len(found)
        return SessionPage(tuple(records), "" if is_last else str(page[-1]))

    async def touch(self, tenant_id: str, session_id: str) -> None:
        """The session was used just now; raises UnknownSession or SessionOver."""
        arguments = (self._connection.now, self._ttl_ms)
        answer = await self._run(TOUCH, tenant_id, session_id, arguments)
        refuse(answer, tenant_id, session_id)
        await self._list(tenant_id, session_id, ListedSession.of(answer[1:]))

    async def close_session(self, tenant_id: str, session_id: str) -> None:
        """End a session whoever holds it: its holder's next write is refused (StaleEpoch).

        Its config is kept no longer. Raises UnknownSession; closing a closed one changes nothing.
        """
        ttls = (self._ttl_ms, CLOSED_JOURNAL_MS)
        arguments = (self._connection.now, "", SessionStatus.CLOSED, *ttls)
        answer = await self._run(END_HOLD, tenant_id, session_id, arguments)
        refuse(answer, tenant_id, session_id)
        await self._list(tenant_id, session_id, ListedSession.of(answer[1:]), is_live=False)

    async def transcript(self, tenant_id: str, session_id: str) -> list[Entry]:
        """What was said so far, also of a closed session; raises UnknownSession.

        Of a very long conversation only the last `max_transcript_entries` are kept.
        """
        page = await self.transcript_page(tenant_id, session_id)
        entries = list(page.entries)
        while page.next_page_token:
            page = await self.transcript_page(
                tenant_id, session_id, page_token=page.next_page_token
            )
            entries += page.entries
        return entries

    async def transcript_page(
        self, tenant_id: str, session_id: str, page_size: int = 0, page_token: str = ""
    ) -> TranscriptPage:
        """Some of what was said, in order; a page size of 0 is 1000.

        A page also ends where it has a mebibyte. Raises UnknownSession, or InvalidInput for a page
        size beyond 1000 and for a token that is none of ours.
        """
        size, place = _page_size(page_size, _MAX_PAGE), _entry_place(page_token)
        arguments = (place, size, _PAGE_BYTES)
        answer = await self._run(TRANSCRIPT, tenant_id, session_id, arguments)
        refuse(answer, tenant_id, session_id)
        next_place = answer[1].decode()
        return TranscriptPage(tuple(map(entry_from_json, answer[2:])), next_place)

    async def _places(
        self, realms: Mapping[str, str], after: PageToken | None, limit: int
    ) -> list[PageToken]:
        """The next sessions of these tenants behind a place, newest first."""
        now = self._connection.now
        answers = await self._connection.run_all(
            [
                (PAGE, TenantKeys.of(realm).all, (now, limit, *_start(tenant_id, after)))
                for tenant_id, realm in realms.items()
            ]
        )
        places = [
            PageToken(int(created_ms), tenant_id, name.decode())
            for tenant_id, answer in zip(realms, answers, strict=True)
            for name, created_ms in zip(answer[::2], answer[1::2], strict=True)
        ]
        return sorted(places, reverse=True)[:limit]

    async def _records(self, names: Sequence[tuple[str, str]]) -> list[SessionRecord]:
        """Those of the named sessions that still exist."""
        now = self._connection.now
        keys = [await self._session_keys(*name) for name in names]
        answers = await self._connection.run_all([(SESSION, [each.meta], (now,)) for each in keys])
        return [
            record_from_fields(*name, int(answer[0]), answer[1:])
            for name, answer in zip(names, answers, strict=True)
            if len(answer) > 1
        ]


def _page_size(given: int, default: int) -> int:
    if not 0 <= given <= _MAX_PAGE:
        raise InvalidInput(f"must be from 0 to {_MAX_PAGE}, not {given}", field="page_size")
    return given or default


def _entry_place(page_token: str) -> int:
    """Which entry of a conversation comes first, counted from 0, those forgotten included."""
    if not page_token:
        return 0
    if not (page_token.isascii() and page_token.isdecimal() and len(page_token) < 16):
        raise InvalidInput("must be the next_page_token of a page", field="page_token")
    return int(page_token)


def _within(places: Sequence[PageToken], records: Sequence[SessionRecord]) -> list[PageToken]:
    """Those whose configs go on one page; the first does in any case."""
    sizes = {(each.tenant_id, each.session_id): len(each.config) for each in records}
    taken, num_bytes = list[PageToken](), 0
    for place in places:
        num_bytes += sizes.get((place.tenant_id, place.session_id), 0)
        if taken and num_bytes > _PAGE_BYTES:
            break
        taken.append(place)
    return taken


def _start(tenant_id: str, after: PageToken | None) -> tuple[str | int, ...]:
    """Where a tenant's share of the page behind a place starts, as page.lua wants it."""
    if after is None:
        return ("", "", "")
    if tenant_id == after.tenant_id:
        return (after.created_ms, "after", after.session_id)
    return (after.created_ms, "all" if tenant_id < after.tenant_id else "none", "")
