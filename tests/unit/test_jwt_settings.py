"""Tokens are taken only where it is said whose, and keys come only by ways that can be trusted."""

from typing import Any

import pytest

from duologue.errors import InvalidSetting
from duologue.jwt_settings import JwtSettings

WHOSE: dict[str, Any] = {"issuer": "https://issuer.example", "audience": "duologue"}


@pytest.mark.parametrize(
    "jwks",
    [
        "keys.json",
        "/etc/keys.json",
        "https://issuer.example/keys",
        "http://127.0.0.1:80/keys",
        "http://[::1]/keys",
        "http://localhost/keys",
    ],
)
def test_places_of_keys(jwks: str) -> None:
    JwtSettings(jwks=jwks, **WHOSE)


@pytest.mark.parametrize(
    "changes",
    [
        {"jwks": ""},
        {"jwks": "http://issuer.example/keys"},
        {"jwks": "http://localhost@issuer.example/keys"},
        {"jwks": "http://127.0.0.1.issuer.example/keys"},
        {"jwks": "https://user:secret@issuer.example/keys"},
        {"jwks": "ftp://127.0.0.1/keys"},
        {"jwks": "file:///keys"},
        {"jwks": "https://"},
        {"jwks": "k", "issuer": None},
        {"jwks": "k", "audience": ""},
        {"algorithms": ()},
        {"algorithms": ("none",)},
        {"algorithms": ("RS256", "HS256")},
        {"leeway_s": 601},
        {"tenant_claim": ""},
        {"scope_claim": ""},
        {"refresh_s": 1},
        {"stream_grace_s": -1},
        {"jwks_ca": ""},
    ],
    ids=str,
)
def test_what_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting, match=r"^jwt\."):
        JwtSettings(**{**WHOSE, **changes})
