"""What `duologue up` does when there is no place for the file that other commands read."""

from pathlib import Path

import pytest

from duologue.actors.foreground import write_endpoint
from duologue.cli.endpoint import Endpoint

ENDPOINT = Endpoint("127.0.0.1:1", "duo_a_b", pid=1)


def test_without_a_place_to_write_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DUOLOGUE_CACHE", str(tmp_path / "file" / "cache"))
    said: list[str] = []
    assert write_endpoint(ENDPOINT, said.append) is None
    (line,) = said
    assert "--address and --api-key" in line
    assert "duo_a_b" not in line


def test_with_a_place_it_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUOLOGUE_CACHE", str(tmp_path))
    said: list[str] = []
    path = write_endpoint(ENDPOINT, said.append)
    assert path is not None
    assert Endpoint.read(path) == ENDPOINT
    assert said == []
