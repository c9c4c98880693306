"""The settings of tokens: which issuer's are taken beside API keys, and what they must say."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from duologue.proxies import is_loopback
from duologue.setting_checks import check, check_range

ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
"""All of them need a key pair: who can check a token cannot make one."""


@dataclass(frozen=True, slots=True)
class JwtSettings:
    """Tokens (JWT) of an identity provider, which clients send in place of an API key."""

    jwks: str | None = None
    """Where the issuer's public keys are: a file, or a URL (https, or http at this machine); none
    takes no tokens."""
    jwks_ca: str | None = None
    """PEM file with the certificates to trust for that URL; none trusts those of the machine."""
    refresh_s: int = 300
    """How often the URL is asked; an unknown key is asked for at once, a file's change is seen."""
    issuer: str | None = None
    """What `iss` must be."""
    audience: str | None = None
    """What must be in `aud`."""
    algorithms: tuple[str, ...] = ("RS256", "ES256", "EdDSA")
    """Which signatures are taken, of RS, PS and ES with 256, 384 and 512, and EdDSA."""
    leeway_s: int = 30
    """By how much clocks may differ: `exp`, `nbf` and `iat` are taken so much wider."""
    tenant_claim: str = "tenant"
    """The claim that names the tenant."""
    scope_claim: str = "scope"
    """The claim with scopes: a text with blanks between them, or a list."""
    creates_tenants: bool = False
    """Whether a tenant that is not there is made when a token names it."""
    stream_grace_s: int = 30
    """How long an open conversation goes on after its token expired."""

    def __post_init__(self) -> None:
        if self.jwks is not None:
            check(_may_be_fetched(self.jwks), "jwt.jwks", _ALLOWED, self.jwks)
            for name in ("issuer", "audience"):
                check(bool(getattr(self, name)), f"jwt.{name}", "set together with jwt.jwks", None)
        check(self.jwks_ca != "", "jwt.jwks_ca", "a path or none", self.jwks_ca)
        check_range("jwt.refresh_s", self.refresh_s, 10, 86_400)
        allowed = f"some of {', '.join(ALGORITHMS)}"
        is_allowed = bool(self.algorithms) and all(each in ALGORITHMS for each in self.algorithms)
        check(is_allowed, "jwt.algorithms", allowed, self.algorithms)
        check_range("jwt.leeway_s", self.leeway_s, 0, 600)
        check(bool(self.tenant_claim), "jwt.tenant_claim", "a claim's name", self.tenant_claim)
        check(bool(self.scope_claim), "jwt.scope_claim", "a claim's name", self.scope_claim)
        check_range("jwt.stream_grace_s", self.stream_grace_s, 0, 3_600)

    @property
    def is_url(self) -> bool:
        """Whether the keys are fetched, rather than read from a file."""
        return self.jwks is not None and "://" in self.jwks


_ALLOWED = "a path, an https:// URL, or an http:// URL at this machine, without a user's name"


def _may_be_fetched(jwks: str) -> bool:
    if "://" not in jwks:
        return bool(jwks)
    parts = urlsplit(jwks)
    host = parts.hostname or ""
    if not host or parts.username is not None:
        return False
    is_here = is_loopback(f"[{host}]" if ":" in host else host)
    return parts.scheme == "https" or (parts.scheme == "http" and is_here)
