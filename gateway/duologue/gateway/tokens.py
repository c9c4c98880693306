"""Tokens of an identity provider (JWT): what they must say, and what they give."""

import math
from collections.abc import Mapping
from typing import Any, Protocol

import jwt

from duologue.clock import Clock
from duologue.errors import InvalidInput
from duologue.gateway.errors import NotAuthenticated
from duologue.gateway.verifying_keys import VerifyingKey
from duologue.grants import Grant, KeyTerms
from duologue.jwt_settings import JwtSettings
from duologue.scopes import Scope, scopes_known
from duologue.tenants import Tenant, check_tenant_id

MAX_CHARS = 12_000
_MAX_TIME_S = 2**40


class IssuerKeys(Protocol):
    """The issuer's."""

    async def find(self, kid: str | None, algorithm: str) -> VerifyingKey | None: ...


class TenantSource(Protocol):
    """The store's."""

    async def tenant(self, tenant_id: str) -> Tenant | None: ...

    async def put_tenant(self, tenant: Tenant, *, only_new: bool = False) -> Tenant: ...


class TokenChecker:
    """Checks tokens. Whether their time is over is left to the caller, who knows what for."""

    def __init__(
        self, settings: JwtSettings, keys: IssuerKeys, tenants: TenantSource, unix_clock: Clock
    ) -> None:
        self._settings = settings
        self._keys = keys
        self._tenants = tenants
        self._clock = unix_clock

    async def grant_of(self, token: str) -> Grant:
        """What a token gives, be its time over or not.

        Raises Unauthenticated saying what is wrong with it, or IssuerUnavailable.
        """
        claims = await self._claims(token)
        expires_ms = self._lifetime(claims)
        tenant = await self._tenant(claims)
        terms = KeyTerms(_scopes(claims.get(self._settings.scope_claim)), expires_ms)
        return Grant(tenant, terms, is_token=True)

    async def _claims(self, token: str) -> Mapping[str, Any]:
        """Those of a token that the issuer signed for us."""
        if len(token) > MAX_CHARS:
            raise NotAuthenticated(f"the token has more than {MAX_CHARS} characters")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise NotAuthenticated("this is neither an API key nor a token") from None
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in self._settings.algorithms:
            raise NotAuthenticated("the token's algorithm is not taken here")
        key = await self._keys.find(kid, algorithm)
        if key is None:
            raise NotAuthenticated("the token's key is not one of its issuer's")
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[each for each in self._settings.algorithms if each in key.algorithms],
                audience=self._settings.audience,
                issuer=self._settings.issuer,
                options=_OPTIONS,
            )
        except jwt.PyJWTError as error:
            raise NotAuthenticated(f"the token is not valid: {_reason(error)}") from None
        return claims

    def _lifetime(self, claims: Mapping[str, Any]) -> int:
        """When it expires, the leeway included; raises Unauthenticated if it has not begun."""
        leeway_ms, now_ms = self._settings.leeway_s * 1_000, self._clock.now_ms()
        expires_ms = _time_ms(claims, "exp")
        for name in ("nbf", "iat"):
            if name in claims and now_ms < _time_ms(claims, name) - leeway_ms:
                raise NotAuthenticated(f"the token is not valid yet ({name})")
        return expires_ms + leeway_ms

    async def _tenant(self, claims: Mapping[str, Any]) -> Tenant:
        name = self._settings.tenant_claim
        tenant_id = claims.get(name)
        try:
            if not isinstance(tenant_id, str):
                raise InvalidInput("no text")
            check_tenant_id(tenant_id)
        except InvalidInput:
            raise NotAuthenticated(f"the token's claim {name!r} names no tenant") from None
        tenant = await self._tenants.tenant(tenant_id)
        if tenant is None and self._settings.creates_tenants:
            await self._tenants.put_tenant(Tenant(tenant_id), only_new=True)
            tenant = await self._tenants.tenant(tenant_id)
        if tenant is None:
            raise NotAuthenticated("the token's tenant is not known here")
        return tenant


_OPTIONS: Any = {
    "require": ["exp", "iss", "aud"],
    "verify_exp": False,  # times are looked at here, by a clock that tests can move
    "verify_nbf": False,
    "verify_iat": False,
    "enforce_minimum_key_length": True,
}


def _reason(error: jwt.PyJWTError) -> str:
    """In words of ours: those of the library may quote what was sent."""
    match error:
        case jwt.InvalidIssuerError():
            return "its issuer is another one"
        case jwt.InvalidAudienceError():
            return "it is for another audience"
        case jwt.MissingRequiredClaimError():
            return f"it has no {error.claim!r}"
        case jwt.InvalidSignatureError():
            return "its signature is wrong"
        case _:
            return "it cannot be read"


def _time_ms(claims: Mapping[str, Any], name: str) -> int:
    value = claims[name]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or abs(value) > _MAX_TIME_S:
        raise NotAuthenticated(f"the token's {name!r} is no time")
    return int(value * 1_000)


def _scopes(claim: object) -> frozenset[Scope]:
    """Those among them that are ours; no claim gives none."""
    if isinstance(claim, str):
        return scopes_known(claim.split())
    if isinstance(claim, list):
        return scopes_known(each for each in claim if isinstance(each, str))
    return frozenset()
