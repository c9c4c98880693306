"""What cannot be used is said at once, by name."""

from pathlib import Path

import pytest

from duologue.client import InvalidRequest, connect


@pytest.mark.parametrize("address", ["", "a:1,,b:2", []])
async def test_an_address_must_be_one(address: str | list[str]) -> None:
    with pytest.raises(InvalidRequest) as found:
        connect(address)
    assert found.value.field == "address"


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "schlüssel"])
async def test_a_key_must_fit_into_a_header(key: str) -> None:
    with pytest.raises(InvalidRequest) as found:
        connect("a:1", api_key=key)
    assert found.value.field == "api_key"


async def test_a_missing_certificate_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"ca\.pem"):
        connect("a:1", tls=tmp_path / "ca.pem")
