"""What the doors over HTTP share: who calls, and how a call is refused."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.responses import JSONResponse

from duologue.errors import DuologueError
from duologue.gateway.allowance import Allowance
from duologue.gateway.conversation import GatewayParts
from duologue.gateway.errors import refusal_of
from duologue.gateway.keys import Metadata
from duologue.gateway.rights import require_right
from duologue.grants import Grant
from duologue.openai.api_error import ApiError, Unusable
from duologue.openai.refusals import error_of, retry_headers

CONVERSE = "/duologue.v1.ConversationService/Converse"
"""The call whose right talking needs, by whatever door."""
PLATFORMS_OWN = "default"
"""A name for whichever model the platform gives to those who name none."""


@dataclass(frozen=True, slots=True)
class Door:
    """The gateway behind it, and how it names our settings."""

    parts: GatewayParts
    allowance: Allowance
    params: Mapping[str, str]

    async def admit(self, metadata: Metadata) -> Grant:
        """Who calls; raises the DuologueError that says why nobody whom we know."""
        return await self.parts.keys.admit(metadata)

    def require_right(self, grant: Grant) -> None:
        """Raise NotAllowed unless they may talk."""
        require_right(grant, CONVERSE)

    async def model_named(self, name: str | None) -> str | None:
        """What a session is to ask for, by the name that the client gave; raises InvalidInput."""
        if not name or (name == PLATFORMS_OWN and name not in await self.models()):
            return None
        await self.parts.opener.check_model(name)
        return name

    async def models(self) -> list[str]:
        """What is served, by name."""
        return sorted({each.model for each in await self.parts.store.batchers()})

    async def close(self, grant: Grant, session_id: str | None) -> None:
        """Close a session that nobody can come back to, if there is one."""
        if session_id is not None:
            with suppress(DuologueError):
                await self.parts.store.close_session(grant.tenant.tenant_id, session_id)

    def refused(self, error: Exception, grant: Grant | None = None) -> ApiError:
        """What the caller is told of it; it is counted like every refusal."""
        if isinstance(error, Unusable):
            return error.error
        tenant_id = "" if grant is None else grant.tenant.tenant_id
        is_operator = grant is not None and grant.tenant.is_operator
        refusal = refusal_of(error, tenant_id, for_operator=is_operator)
        self.parts.watcher.refused(tenant_id, refusal)
        return error_of(refusal, self.params)


def credentials(headers: Headers, key: str | None = None) -> list[tuple[str, str]]:
    """What a call shows of who makes it, as gRPC's metadata has it. `key` came by another way."""
    found = [("authorization", value) for value in headers.getlist("authorization")]
    if key is not None and not found:
        found = [("authorization", f"Bearer {key}")]
    return found


def answer_of(error: ApiError) -> JSONResponse:
    """An answer over HTTP."""
    return JSONResponse(error.body, error.status, retry_headers(error))
