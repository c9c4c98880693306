"""The public keys of a JWKS document (RFC 7517), as far as they can check a token. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

MAX_KEYS = 100
_LEAST_RSA_BITS = 2_048
_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """One public key."""

    kid: str | None
    """Its name in the document."""
    algorithms: tuple[str, ...]
    """What it can check: what the document says of it, or else what fits its kind."""
    key: Any


def read_keys(document: bytes) -> tuple[VerifyingKey, ...]:
    """Those of a document that are for signatures of a kind we know; the others are passed over.

    Raises ValueError if it is no such document, has too many, or none that is of use.
    """
    found = json.loads(document)
    listed = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(listed, list):
        raise ValueError('it is no JSON object with a list "keys"')
    if len(listed) > MAX_KEYS:
        raise ValueError(f"it has {len(listed)} keys, at most {MAX_KEYS}")
    keys = tuple(_usable(listed))
    if not keys:
        raise ValueError("it has no public key that could check a token")
    return keys


def _usable(listed: list[Any]) -> Iterator[VerifyingKey]:
    for entry in listed:
        if not isinstance(entry, Mapping) or entry.get("use", "sig") != "sig":
            continue
        algorithms = _algorithms(entry)
        kid = entry.get("kid")
        if not algorithms or not isinstance(kid, str | None):
            continue
        public = {name: value for name, value in entry.items() if name not in _PRIVATE}
        try:
            key = jwt.PyJWK(public, algorithms[0]).key
        except jwt.PyJWTError:
            continue
        if not isinstance(key, RSAPublicKey) or key.key_size >= _LEAST_RSA_BITS:
            yield VerifyingKey(kid, algorithms, key)


_PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")


def _algorithms(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Never those of a shared secret, whatever the document says."""
    match entry.get("kty"), entry.get("crv"):
        case "RSA", _:
            fitting: tuple[str, ...] = _RSA
        case "EC", str(curve) if curve in _CURVES:
            fitting = (_CURVES[curve],)
        case "OKP", "Ed25519":
            fitting = ("EdDSA",)
        case _:
            return ()
    named = entry.get("alg")
    return fitting if named is None else tuple(each for each in fitting if each == named)
