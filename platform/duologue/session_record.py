"""What the store knows of a session besides its journal: whose it is and how it stands."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from duologue.errors import InvalidInput
from duologue.session.transcript import Entry
from duologue.tenants import check_tenant_id
from duologue.usage import Usage

_SESSION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def check_session_id(session_id: str) -> str:
    """The name itself; raises InvalidInput unless it is 1 to 64 letters, digits, "-" or "_"."""
    if not _SESSION_ID.fullmatch(session_id):
        allowed = '1 to 64 letters, digits, "-" or "_"'
        raise InvalidInput(f"must be {allowed}, not {session_id[:80]!r}", field="session_id")
    return session_id


class SessionStatus(StrEnum):
    """How a session stands."""

    NEW = "new"
    """Made, and not yet talked to."""
    LIVE = "live"
    """A process holds its lease."""
    ASLEEP = "asleep"
    """Nothing holds it; its next input wakes it."""
    CLOSED = "closed"
    """Over; what was said can still be read for a while."""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One session. Times are Unix milliseconds."""

    tenant_id: str
    session_id: str
    config: bytes
    """How it is held: a serialized SessionConfig; the store does not look inside."""
    resume_digest: bytes
    """SHA-256 of the newest token that resumes it."""
    created_ms: int
    active_ms: int = 0
    """When it was last used; the time of its creation when 0 is given."""
    status: SessionStatus = SessionStatus.NEW
    epoch: int = 0
    """How often it changed hands; 0 before anybody held it."""
    address: str = ""
    """Where its actor listens, while it is live."""
    node_id: str = ""
    """The node that holds it, while it is live."""
    usage: Usage = field(default_factory=Usage)

    def __post_init__(self) -> None:
        check_tenant_id(self.tenant_id)
        check_session_id(self.session_id)
        assert self.epoch >= 0, f"an epoch is 0 or more, not {self.epoch}"


@dataclass(frozen=True, slots=True)
class SessionPage:
    """Some sessions, newest first."""

    sessions: tuple[SessionRecord, ...]
    next_page_token: str = ""
    """Where the next page starts; empty when there is none."""


@dataclass(frozen=True, slots=True)
class TranscriptPage:
    """Some of what was said, in order."""

    entries: tuple[Entry, ...]
    next_page_token: str = ""
    """Where the next page starts; empty when there is none."""


@dataclass(frozen=True, slots=True)
class TranscriptEdit:
    """A change of what was said: the first `keep` entries stay as they are, `entries` follow."""

    keep: int
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        assert self.keep >= 0, f"no fewer than 0 entries can stay, not {self.keep}"
