"""The first request of a conversation: a new session, or one that goes on."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from duologue.clock import Clock
from duologue.errors import InvalidInput
from duologue.gateway.carrier import SessionAccess
from duologue.gateway.errors import NotAllowed
from duologue.gateway.quotas import Quotas
from duologue.session_record import SessionRecord, check_session_id
from duologue.store.store import Store
from duologue.tenants import Tenant
from duologue.v1 import conversation_pb2 as pb
from duologue.v1 import events_pb2
from duologue.wire.sessions import config_from_pb

RandomText = Callable[[int], str]
"""URL-safe text from so many random bytes."""


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session that was made just now."""

    record: SessionRecord
    resume_token: str


@dataclass(frozen=True, slots=True)
class SessionOpener:
    """Makes sessions, and lets those back in who have the token."""

    store: Store
    quotas: Quotas
    clock: Clock
    """Unix milliseconds."""
    random_text: RandomText = secrets.token_urlsafe
    on_made: Callable[[str], None] = lambda _tenant_id: None
    """Is told of each session that was made, by its tenant."""

    async def admit(self, tenant: Tenant, request: pb.ConverseRequest) -> SessionAccess:
        """Follow the first request; raises the DuologueError that says why not."""
        match request.WhichOneof("request"):
            case "start":
                new = await self.create(tenant, request.start.config)
                return SessionAccess(tenant, new.record.session_id, new.resume_token)
            case "resume":
                return await self._resume(tenant, request.resume)
            case kind:
                raise InvalidInput(
                    f"must be start or resume in the first message, not {kind or 'empty'}",
                    field="request",
                )

    async def create(self, tenant: Tenant, config: events_pb2.SessionConfig) -> NewSession:
        """Make a session; raises InvalidInput naming the field, or QuotaExceeded."""
        await self.check_model(config_from_pb(config).model)
        await self.quotas.open_session(tenant)
        token = self.random_text(24)
        record = SessionRecord(
            tenant_id=tenant.tenant_id,
            session_id=f"ses_{self.random_text(16)}",
            config=config.SerializeToString(),
            resume_digest=digest_of(token),
            created_ms=int(self.clock.now_ms()),
        )
        await self.quotas.keep_session(tenant, record.session_id, len(record.config))
        await self.store.create_session(record)
        self.on_made(tenant.tenant_id)
        return NewSession(record, token)

    async def check_model(self, model: str | None) -> None:
        """Raise InvalidInput for one that is not served here.

        While no batching actor is there at all, nobody can say.
        """
        if model is None:
            return
        served = {batcher.model for batcher in await self.store.batchers()}
        if served and model not in served:
            allowed = " or ".join(repr(name) for name in sorted(served))
            raise InvalidInput(
                f"must be {allowed}, by what is served, not {model!r}", field="config.model"
            )

    async def _resume(self, tenant: Tenant, resume: pb.SessionResume) -> SessionAccess:
        session_id = _session_id("resume", resume.session_id)
        token = self.random_text(24)
        # That digests are compared there takes a time that tells nothing of the tokens.
        resumed = await self.store.resume(
            *(tenant.tenant_id, session_id), digest_of(resume.resume_token), digest_of(token)
        )
        if resumed is None:
            raise NotAllowed(
                "resume.resume_token is not this session's, or another one was given for it since"
            )
        return SessionAccess(
            *(tenant, session_id, token, resume.last_server_seq, resumed.connection_number),
            usage_before=resumed.usage,
        )


def _session_id(where: str, session_id: str) -> str:
    try:
        return check_session_id(session_id)
    except InvalidInput as error:
        raise error.within(where) from None


def digest_of(token: str) -> bytes:
    """What is kept of a resume token."""
    return hashlib.sha256(token.encode()).digest()
