"""A token is taken if all of it is as it must be; each thing that is wrong is refused."""

import base64
import binascii
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from duologue.clock import ManualClock
from duologue.gateway.errors import NotAuthenticated, TokenExpired
from duologue.gateway.keys import KeyRing
from duologue.gateway.tokens import MAX_CHARS, TokenChecker
from duologue.gateway.verifying_keys import VerifyingKey, read_keys
from duologue.grants import Grant
from duologue.jwt_settings import JwtSettings
from duologue.scopes import Scope
from duologue.tenants import Tenant
from tests import tokens
from tests.tokens import AUDIENCE, ISSUER, document, private_key, public_jwk

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
NOW_S = 1_900_000_000
SETTINGS = JwtSettings(
    jwks="keys.json", issuer=ISSUER, audience=AUDIENCE, algorithms=ALGORITHMS, leeway_s=30
)


class Issuer:
    """Keys that are at hand."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.keys = read_keys(document(*keys))

    async def find(self, kid: str | None, algorithm: str) -> VerifyingKey | None:
        for each in self.keys:
            if each.kid == kid and algorithm in each.algorithms:
                return each
        return None


class Tenants:
    """A store's."""

    def __init__(self, *names: str) -> None:
        self.known = {name: Tenant(name, priority=7) for name in names}

    async def tenant(self, tenant_id: str) -> Tenant | None:
        return self.known.get(tenant_id)

    async def put_tenant(self, tenant: Tenant, *, only_new: bool = False) -> Tenant:
        assert only_new, "a token changes no tenant"
        return self.known.setdefault(tenant.tenant_id, tenant)


TIMES = {"iat": NOW_S, "nbf": NOW_S, "exp": NOW_S + 600}


def token(algorithm: str = "ES256", name: str = "one", **changes: Any) -> str:
    """A good one at the time at which these tests play, with changes."""
    return tokens.token(algorithm, name, **{**TIMES, **changes})


def claims(**changes: Any) -> dict[str, Any]:
    """Of such a token."""
    return tokens.claims(**{**TIMES, **changes})


ALL_KEYS = tuple(public_jwk(algorithm) for algorithm in ALGORITHMS)


def _checker(settings: JwtSettings = SETTINGS, *keys: dict[str, Any]) -> TokenChecker:
    issuer = Issuer(*(keys or ALL_KEYS))
    return TokenChecker(settings, issuer, Tenants("acme"), ManualClock(NOW_S * 1e3))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_good_token(algorithm: str) -> None:
    grant = await _checker().grant_of(token(algorithm, exp=NOW_S + 600))
    assert grant.tenant == Tenant("acme", priority=7)
    assert grant.is_token
    assert grant.terms.scopes == {Scope.CONVERSE, Scope.SESSIONS_READ, Scope.TRANSCRIPTS_READ}
    assert grant.terms.expires_ms == (NOW_S + 600 + 30) * 1_000


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"iss": "https://other.example"}, "its issuer is another one"),
        ({"iss": None}, "has no 'iss'"),
        ({"iss": 7}, "its issuer is another one"),
        ({"aud": "other"}, "another audience"),
        ({"aud": ["other", AUDIENCE.upper()]}, "another audience"),
        ({"aud": None}, "has no 'aud'"),
        ({"exp": None}, "has no 'exp'"),
        ({"exp": "2000000000"}, "'exp' is no time"),
        ({"exp": True}, "'exp' is no time"),
        ({"exp": 1e300}, "'exp' is no time"),
        ({"nbf": NOW_S + 31}, "not valid yet"),
        ({"nbf": "soon"}, "'nbf' is no time"),
        ({"iat": NOW_S + 31}, "not valid yet"),
        ({"tenant": None}, "'tenant' names no tenant"),
        ({"tenant": ["acme"]}, "'tenant' names no tenant"),
        ({"tenant": "a b"}, "'tenant' names no tenant"),
        ({"tenant": "other"}, "is not known here"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_is_wrong_with_a_token(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(NotAuthenticated, match=words):
        await _checker().grant_of(_signed(changes))


def _signed(changes: dict[str, Any]) -> str:
    """Also what the library would not make."""
    payload = json.dumps(claims(**changes)).encode()
    return jwt.api_jws.encode(payload, private_key("ES256"), "ES256", {"kid": "ES256-one"})


@pytest.mark.parametrize("changes", [{"nbf": NOW_S + 30}, {"iat": NOW_S + 30}, {"nbf": None}])
async def test_clocks_may_differ_by_the_leeway(changes: dict[str, Any]) -> None:
    await _checker().grant_of(token(**changes))


@pytest.mark.parametrize("claim", [["other", AUDIENCE], AUDIENCE])
async def test_one_audience_of_several_is_enough(claim: object) -> None:
    await _checker().grant_of(token(aud=claim))


async def test_another_key_under_the_same_name() -> None:
    forged = jwt.encode(claims(), private_key("ES256", "two"), "ES256", {"kid": "ES256-one"})
    with pytest.raises(NotAuthenticated, match="signature is wrong"):
        await _checker().grant_of(forged)


async def test_a_key_that_the_issuer_does_not_have() -> None:
    with pytest.raises(NotAuthenticated, match="key is not one of its issuer's"):
        await _checker().grant_of(token("ES256", "two"))


def _unsigned(header: dict[str, Any]) -> str:
    parts = (json.dumps(each).encode() for each in (header, claims()))
    return ".".join(base64.urlsafe_b64encode(each).decode().rstrip("=") for each in parts) + "."


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", "HS256", None, 7, ["ES256"]])
async def test_algorithms_that_are_not_taken(algorithm: object) -> None:
    with pytest.raises(NotAuthenticated, match=r"algorithm is not taken|neither"):
        await _checker().grant_of(_unsigned({"alg": algorithm, "kid": "ES256-one", "typ": "JWT"}))


async def test_a_public_key_is_no_shared_secret() -> None:
    """The old trick: sign with what everybody knows, and say that it is an HMAC."""
    public = private_key("RS256").public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = jwt.api_jws.PyJWS().get_algorithm_by_name("HS256")
    head = _unsigned({"alg": "HS256", "kid": "RS256-one"}).rstrip(".")
    mac = base64.urlsafe_b64encode(signed.sign(head.encode(), pem)).decode().rstrip("=")
    with pytest.raises(NotAuthenticated, match="algorithm is not taken"):
        await _checker().grant_of(f"{head}.{mac}")


async def test_only_the_algorithms_of_the_settings() -> None:
    settings = JwtSettings(jwks="k", issuer=ISSUER, audience=AUDIENCE, algorithms=("ES256",))
    await _checker(settings).grant_of(token("ES256"))
    with pytest.raises(NotAuthenticated, match="algorithm is not taken"):
        await _checker(settings).grant_of(token("RS256"))


async def test_a_key_checks_only_what_it_is_for() -> None:
    """A key of one algorithm, under a header that says another of the same kind."""
    other = jwt.encode(claims(), private_key("RS256"), "PS256", {"kid": "RS256-one"})
    with pytest.raises(NotAuthenticated, match="key is not one of its issuer's"):
        await _checker(SETTINGS, public_jwk("RS256")).grant_of(other)


@pytest.mark.parametrize("text", ["x", "a.b.c", "..", "eyJ.eyJ.x", "é.é.é", "a" * (MAX_CHARS + 1)])
async def test_what_is_no_token(text: str) -> None:
    with pytest.raises(NotAuthenticated):
        await _checker().grant_of(text)


@given(cut=st.integers(0, 10_000), to=st.sampled_from("Aw_-."))
async def test_a_changed_token_is_nobodys(cut: int, to: str) -> None:
    good = token()
    place = cut % len(good)
    changed = good[:place] + to + good[place + 1 :]
    if _parts(changed) != _parts(good):
        with pytest.raises(NotAuthenticated):
            await _checker().grant_of(changed)


def _parts(text: str) -> list[bytes] | None:
    """What it decodes to: the last letter of a part may have bits that mean nothing."""
    try:
        return [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in text.split(".")]
    except binascii.Error:
        return None


@pytest.mark.parametrize(
    ("claim", "scopes"),
    [
        (None, set()),
        ("openid email", set()),
        (["converse", 7, "fly"], {Scope.CONVERSE}),
        ({"converse": True}, set()),
        ("admin converse", {Scope.ADMIN, Scope.CONVERSE}),
    ],
)
async def test_scopes(claim: object, scopes: set[Scope]) -> None:
    grant = await _checker().grant_of(token(scope=claim))
    assert grant.terms.scopes == scopes


async def test_other_names_of_claims() -> None:
    settings = JwtSettings(
        jwks="k",
        issuer=ISSUER,
        audience=AUDIENCE,
        tenant_claim="https://duologue/tenant",
        scope_claim="scp",
    )
    told: dict[str, Any] = {"https://duologue/tenant": "acme", "tenant": "other"}
    grant = await _checker(settings).grant_of(token(**told, scp=["admin:read"]))
    assert grant.tenant.tenant_id == "acme"
    assert grant.terms.scopes == {Scope.ADMIN_READ}


async def test_a_tenant_may_be_made_by_a_token() -> None:
    settings = JwtSettings(jwks="k", issuer=ISSUER, audience=AUDIENCE, creates_tenants=True)
    assert (await _checker(settings).grant_of(token(tenant="new"))).tenant == Tenant("new")


# In time.


async def test_a_token_ends_for_calls_and_a_little_later_for_streams() -> None:
    now = ManualClock(NOW_S * 1e3)
    checker = TokenChecker(SETTINGS, Issuer(*ALL_KEYS), Tenants("acme"), now)

    async def no_key(key: str) -> Grant | None:
        return None

    ring = KeyRing(no_key, ManualClock(), tokens=checker, token_grace_ms=10_000, unix_clock=now)
    metadata = [("authorization", f"Bearer {token(exp=NOW_S + 5)}")]
    grant = await ring.admit(metadata)
    now.advance(35_000 - 1)
    await ring.admit(metadata)
    now.advance(1)
    with pytest.raises(TokenExpired):
        await ring.admit(metadata)
    await ring.check(metadata, grant)
    now.advance(10_000)
    with pytest.raises(TokenExpired):
        await ring.check(metadata, grant)
