"""An issuer's keys: which are taken, when they are read, and what if they are not there."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from duologue.clock import ManualClock
from duologue.errors import InvalidSetting
from duologue.gateway.errors import IssuerUnavailable
from duologue.gateway.jwks import KEPT_MS, UNKNOWN_EVERY_MS, KeySet
from duologue.gateway.jwks_source import MAX_BYTES, JwksFile
from duologue.gateway.verifying_keys import MAX_KEYS, read_keys
from tests.tokens import document, private_key, public_jwk

REFRESH_MS = 300_000.0


class Source:
    """A URL that answers what it is told to."""

    def __init__(self, *answers: bytes | Exception) -> None:
        self.answers = [*answers]
        self.num_read = 0

    def read(self) -> bytes:
        self.num_read += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stamp(self) -> object:
        return None


ONE, TWO = document(public_jwk("ES256")), document(public_jwk("ES256", "two"))


async def _keys(*answers: bytes | Exception) -> tuple[KeySet, Source, ManualClock]:
    source, clock = Source(*answers), ManualClock(1_000.0)
    keys = KeySet(source, clock, REFRESH_MS, "https://issuer.example/keys")
    await keys.start(must_be_there=False)
    return keys, source, clock


async def test_an_unknown_key_is_asked_for_once_in_a_while() -> None:
    keys, source, clock = await _keys(ONE)
    assert await keys.find("ES256-one", "ES256") is not None
    assert source.num_read == 1
    clock.advance(UNKNOWN_EVERY_MS)
    for number in range(50):
        assert await keys.find(f"guess-{number}", "ES256") is None
    assert source.num_read == 2


async def test_a_new_key_is_found_at_once() -> None:
    keys, source, clock = await _keys(ONE, TWO)
    clock.advance(UNKNOWN_EVERY_MS)
    found = await asyncio.gather(*(keys.find("ES256-two", "ES256") for _ in range(20)))
    assert all(found)
    assert source.num_read == 2
    assert await keys.find("ES256-one", "ES256") is None, "what its issuer took back is gone"


async def test_keys_are_read_again_in_time() -> None:
    keys, source, clock = await _keys(ONE, TWO)
    await keys.watch_once()
    assert source.num_read == 1
    clock.advance(REFRESH_MS)
    await keys.watch_once()
    assert source.num_read == 2
    assert await keys.find("ES256-one", "ES256") is None


@pytest.mark.parametrize("answer", [OSError("gone"), b"<html>", b"{}", document(), b'{"keys": 1}'])
async def test_an_issuer_that_fails_changes_nothing_for_a_day(answer: bytes | Exception) -> None:
    keys, source, clock = await _keys(ONE, answer)
    clock.advance(REFRESH_MS)
    await keys.watch_once()
    assert await keys.find("ES256-one", "ES256") is not None
    clock.advance(UNKNOWN_EVERY_MS)
    await keys.watch_once()
    assert source.num_read == 3, "it is asked again soon"
    clock.advance(KEPT_MS)
    with pytest.raises(IssuerUnavailable):
        await keys.find("ES256-one", "ES256")


async def test_an_issuer_that_comes_later() -> None:
    keys, _, clock = await _keys(OSError("not yet"), ONE)
    with pytest.raises(IssuerUnavailable):
        await keys.find("ES256-one", "ES256")
    clock.advance(UNKNOWN_EVERY_MS)
    await keys.watch_once()
    assert await keys.find("ES256-one", "ES256") is not None


async def test_without_a_name_only_the_one_key_that_fits() -> None:
    one, two = public_jwk("ES256"), public_jwk("ES256", "two")
    keys, _, _ = await _keys(document(one, public_jwk("EdDSA")))
    assert await keys.find(None, "ES256") is not None
    keys, _, _ = await _keys(document(one, two))
    assert await keys.find(None, "ES256") is None


async def test_a_file_is_followed(tmp_path: Path) -> None:
    file, clock = tmp_path / "keys.json", ManualClock()
    file.write_bytes(ONE)
    keys = KeySet(JwksFile(file), clock, REFRESH_MS, str(file))
    await keys.start(must_be_there=True)
    replaced = tmp_path / "next.json"
    replaced.write_bytes(TWO)
    replaced.replace(file)
    await keys.watch_once()
    assert await keys.find("ES256-two", "ES256") is not None
    file.write_text("{")
    await keys.watch_once()
    assert await keys.find("ES256-two", "ES256") is not None, "a broken file changes nothing"
    file.unlink()
    await keys.watch_once()
    assert await keys.find("ES256-two", "ES256") is not None
    file.write_bytes(ONE)
    await keys.watch_once()
    assert await keys.find("ES256-one", "ES256") is not None


@pytest.mark.parametrize("content", [None, b"", b"[]", b" " * (MAX_BYTES + 1)])
async def test_a_file_must_be_right_at_the_start(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "keys.json"
    if content is not None:
        file.write_bytes(content)
    keys = KeySet(JwksFile(file), ManualClock(), REFRESH_MS, str(file))
    with pytest.raises(InvalidSetting, match=r"jwt\.jwks must be a JWKS document"):
        await keys.start(must_be_there=True)


# Which keys are taken.


SECRET = {"kty": "oct", "k": "c2VjcmV0" * 8, "kid": "s"}


@pytest.mark.parametrize(
    "entry",
    [
        SECRET,
        {**SECRET, "alg": "HS256"},
        public_jwk("RS256", alg="HS256"),
        public_jwk("RS256", "weak"),
        public_jwk("RS256", use="enc"),
        public_jwk("RS256", n=None),
        public_jwk("ES256", crv="secp256k1"),
        public_jwk("ES256", alg="RS256"),
        public_jwk("ES256", x="AAAA"),
        public_jwk("ES256", kid=7),
        {"kty": "new"},
        "text",
    ],
    ids=range(12),  # a key's own words differ from process to process
)
def test_what_cannot_check_a_token_is_passed_over(entry: Any) -> None:
    good = public_jwk("EdDSA")
    assert [each.kid for each in read_keys(document(entry, good))] == ["EdDSA-one"]
    with pytest.raises(ValueError, match="no public key"):
        read_keys(document(entry))


def test_a_key_without_an_algorithm_checks_what_fits() -> None:
    (rsa,) = read_keys(document(public_jwk("RS256", alg=None)))
    assert "PS512" in rsa.algorithms
    assert not {"HS256", "none", "ES256"} & {*rsa.algorithms}
    (curve,) = read_keys(document(public_jwk("ES256", alg=None)))
    assert curve.algorithms == ("ES256",)


def test_a_private_key_is_taken_for_its_public_half() -> None:
    told = json.loads(document(public_jwk("EdDSA")))["keys"][0]
    raw = private_key("EdDSA").private_bytes_raw()
    told["d"] = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    (key,) = read_keys(document(told))
    assert not hasattr(key.key, "sign")


def test_too_many_keys() -> None:
    with pytest.raises(ValueError, match="at most"):
        read_keys(document(*[public_jwk("EdDSA")] * (MAX_KEYS + 1)))
