"""What a client is told about its connection, beside the session's own events.

True when it is sent, not counted and not sent again.
"""

from dataclasses import dataclass

from duologue.usage import Usage


@dataclass(frozen=True, slots=True)
class SessionReady:
    """The session can be talked to."""

    session_id: str
    resume_token: str
    """What resumes it the next time, together with a key of the tenant."""
    tick_ms: int
    last_client_seq: int
    """The last client event that was taken; those behind it are to be sent again."""
    last_server_seq: int
    """The last server event so far; those behind the client's last one follow."""
    strategy: str
    """How it listens and speaks; with `listen` the client speaks."""


@dataclass(frozen=True, slots=True)
class Queued:
    """No room yet; the session waits its turn."""

    position: int
    """How many are before it, from 0."""


@dataclass(frozen=True, slots=True)
class Backpressure:
    """The client reads too slowly, so the reply waits for it; nothing is lost."""

    waiting_events: int


@dataclass(frozen=True, slots=True)
class QuotaReached:
    """The tenant has used up what it may for now: replies wait, and go on by themselves."""

    quota: str
    """What of: "output_tokens"."""
    retry_after_ms: int
    """When there is more of it, if nobody else takes it."""


@dataclass(frozen=True, slots=True)
class SessionMoved:
    """Another process holds the session now; nothing was lost."""

    reason: str


@dataclass(frozen=True, slots=True)
class GoAway:
    """This connection will end; the session is to be resumed at another."""

    time_left_ms: int


NoticeEvent = SessionReady | Usage | Queued | Backpressure | QuotaReached | SessionMoved | GoAway


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about the connection, with the place in the session's story where it was said."""

    tick: int
    epoch: int
    event: NoticeEvent
