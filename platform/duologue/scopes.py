"""What a key or a token may be used for: few scopes, each by its name."""

from collections.abc import Iterable
from enum import StrEnum

from duologue.errors import InvalidInput


class Scope(StrEnum):
    """One right. Those for operators are worth something only in an operator's hands."""

    CONVERSE = "converse"
    """Make sessions, talk to them, close them."""
    SESSIONS_READ = "sessions:read"
    """See the tenant's sessions, and how they stand."""
    TRANSCRIPTS_READ = "transcripts:read"
    """Read what was said."""
    ADMIN_READ = "admin:read"
    """For operators: see the cluster, all tenants, all sessions, and what was used."""
    ADMIN = "admin"
    """For operators: change tenants and keys, drain nodes."""


ALL_SCOPES = frozenset(Scope)


def scopes_named(names: Iterable[str]) -> frozenset[Scope]:
    """The scopes of these names; raises InvalidInput for one that is none."""
    names = tuple(names)
    for name in names:
        if name not in ALL_SCOPES:
            allowed = ", ".join(Scope)
            raise InvalidInput(f"must be among {allowed}, not {name[:80]!r}", field="scopes")
    return frozenset(map(Scope, names))


def scopes_known(names: Iterable[str]) -> frozenset[Scope]:
    """Those of the names that are scopes; others are somebody else's, and give nothing."""
    return frozenset(Scope(name) for name in names if name in ALL_SCOPES)
