"""What a credential gives: who calls, for which calls, until when."""

from dataclasses import dataclass

from duologue.scopes import ALL_SCOPES, Scope
from duologue.tenants import Tenant

MAX_KEY_LIFE_S = 10 * 366 * 86_400


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """How far an API key goes. One that was made without any goes as far as its tenant."""

    scopes: frozenset[Scope] = ALL_SCOPES
    expires_ms: int | None = None
    """Unix milliseconds from which on it is good for nothing; None for never."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A caller, as a key or a token proves it."""

    tenant: Tenant
    terms: KeyTerms = KeyTerms()
    is_token: bool = False
    """Whether a token of an identity provider proved it, and no API key."""

    def has_expired(self, now_ms: float, grace_ms: float = 0.0) -> bool:
        """Whether its time was over so long ago already (Unix milliseconds)."""
        expires_ms = self.terms.expires_ms
        return expires_ms is not None and now_ms >= expires_ms + grace_ms
