"""Which right each call needs: one table, in which every call of every service of ours stands."""

from collections.abc import Mapping

from duologue.gateway.errors import MissingScope, NotAllowed
from duologue.grants import Grant
from duologue.scopes import Scope

_CONVERSATIONS = "/duologue.v1.ConversationService/"
_ADMIN = "/duologue.v1.AdminService/"

NEEDED: Mapping[str, Scope] = {
    f"{_CONVERSATIONS}Converse": Scope.CONVERSE,
    f"{_CONVERSATIONS}CreateSession": Scope.CONVERSE,
    f"{_CONVERSATIONS}GetSession": Scope.SESSIONS_READ,
    f"{_CONVERSATIONS}ListSessions": Scope.SESSIONS_READ,
    f"{_CONVERSATIONS}CloseSession": Scope.CONVERSE,
    f"{_CONVERSATIONS}GetTranscript": Scope.TRANSCRIPTS_READ,
    f"{_ADMIN}GetCapacity": Scope.ADMIN_READ,
    f"{_ADMIN}ListNodes": Scope.ADMIN_READ,
    f"{_ADMIN}DrainNode": Scope.ADMIN,
    f"{_ADMIN}ListTenants": Scope.ADMIN_READ,
    f"{_ADMIN}PutTenant": Scope.ADMIN,
    f"{_ADMIN}DeleteTenant": Scope.ADMIN,
    f"{_ADMIN}CreateKey": Scope.ADMIN,
    f"{_ADMIN}RevokeKey": Scope.ADMIN,
    f"{_ADMIN}ListAllSessions": Scope.ADMIN_READ,
    f"{_ADMIN}GetUsage": Scope.ADMIN_READ,
}
"""By the name of the method, as it stands in a request's path."""


def require_right(grant: Grant, method: str) -> None:
    """Raise NotAllowed unless the caller may make this call; one that no table has, nobody may."""
    scope = NEEDED.get(method)
    if scope is None:
        raise NotAllowed("nobody may make this call")
    if method.startswith(_ADMIN) and not grant.tenant.is_operator:
        raise NotAllowed("this needs an operator's key")
    if scope not in grant.terms.scopes:
        raise MissingScope(f"this needs the scope {scope.value!r}", scope.value)
