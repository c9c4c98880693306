"""An identity provider for tests: key pairs, their public document, and tokens."""

import json
import time
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as rsa_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER = "https://issuer.example"
AUDIENCE = "duologue"


def private_key(algorithm: str, name: str = "one") -> Any:
    """The same one whenever it is asked for."""
    return _made(algorithm, name)


@cache
def _made(algorithm: str, name: str) -> Any:
    if algorithm.startswith("ES"):
        return generate_private_key(SECP256R1())
    if algorithm == "EdDSA":
        return Ed25519PrivateKey.generate()
    return rsa_key(65_537, 1_024 if name == "weak" else 2_048)


def public_jwk(algorithm: str, name: str = "one", **changes: Any) -> dict[str, Any]:
    """What the document says of a key; a change to None leaves a field out."""
    public = private_key(algorithm, name).public_key()
    if algorithm.startswith("ES"):
        told = ECAlgorithm.to_jwk(public, as_dict=True)
    elif algorithm == "EdDSA":
        told = OKPAlgorithm.to_jwk(public, as_dict=True)
    else:
        told = RSAAlgorithm.to_jwk(public, as_dict=True)
    entry = {**told, "kid": f"{algorithm}-{name}", "use": "sig", "alg": algorithm, **changes}
    entry.pop("key_ops", None)
    return {field: value for field, value in entry.items() if value is not None}


def document(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


def claims(**changes: Any) -> dict[str, Any]:
    """Of a good token, with changes; one to None leaves a claim out."""
    now_s = int(time.time())
    told = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": now_s,
        "nbf": now_s,
        "exp": now_s + 600,
        "tenant": "acme",
        "scope": "openid converse sessions:read transcripts:read",
        **changes,
    }
    return {name: value for name, value in told.items() if value is not None}


def token(
    algorithm: str = "ES256",
    name: str = "one",
    *,
    headers: dict[str, Any] | None = None,
    **changes: Any,
) -> str:
    """Signed by that key."""
    kid = {"kid": f"{algorithm}-{name}"}
    return jwt.encode(
        claims(**changes), private_key(algorithm, name), algorithm, {**kid, **(headers or {})}
    )
