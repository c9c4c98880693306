"""Commands find the platform by flags, by the environment, or by the file that `up` wrote."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from duologue.cli.endpoint import (
    ADDRESS_VARIABLE,
    API_KEY_VARIABLE,
    TLS_CERTIFICATE_VARIABLE,
    TLS_KEY_VARIABLE,
    Endpoint,
    find_endpoint,
    remove_endpoint,
)
from duologue.errors import InvalidInput

MINE = Endpoint("127.0.0.1:50051", "duo_a_b", None, os.getpid())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "endpoint.json"


@pytest.fixture
def ended_pid() -> int:
    """The id of a process that was, and is no more."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_the_file_is_read_as_it_was_written_and_nobody_else_may(file: Path) -> None:
    assert MINE.write(file) == file
    assert file.stat().st_mode & 0o777 == 0o600
    assert Endpoint.read(file) == MINE
    assert list(file.parent.iterdir()) == [file]


def test_a_newer_file_replaces_an_older_one_and_outlives_its_writer(file: Path) -> None:
    MINE.write(file)
    newer = Endpoint("127.0.0.1:2", "duo_c_d", None, 1)
    newer.write(file)
    remove_endpoint(os.getpid(), file)
    assert Endpoint.read(file) == newer
    remove_endpoint(1, file)
    assert Endpoint.read(file) is None


def test_flags_go_before_environment_and_that_before_the_file(file: Path) -> None:
    MINE.write(file)
    environment = {ADDRESS_VARIABLE: "b:2", API_KEY_VARIABLE: "key-b"}
    assert find_endpoint(environment={}, path=file) == MINE
    assert find_endpoint(environment=environment, path=file) == Endpoint("b:2", "key-b")
    found = find_endpoint("c:3", "key-c", "ca.pem", environment=environment, path=file)
    assert found == Endpoint("c:3", "key-c", "ca.pem")


def test_the_files_key_goes_to_no_other_address(file: Path) -> None:
    MINE.write(file)
    assert find_endpoint("elsewhere:1", environment={}, path=file).api_key is None
    assert find_endpoint(MINE.address, environment={}, path=file).api_key == MINE.api_key


def test_without_anything_it_is_said_what_to_do(file: Path) -> None:
    with pytest.raises(InvalidInput, match=r"start one with `duologue up`.*DUOLOGUE_ADDRESS"):
        find_endpoint(environment={}, path=file)


def test_the_file_of_a_platform_that_has_ended_is_not_followed(file: Path, ended_pid: int) -> None:
    Endpoint(MINE.address, "k", None, ended_pid).write(file)
    with pytest.raises(InvalidInput, match=r"127\.0\.0\.1:50051 has ended"):
        find_endpoint(environment={}, path=file)


@pytest.mark.parametrize("content", ["", "[]", '{"port": 1}', "\xff"])
def test_another_file_in_its_place_is_named(file: Path, content: str) -> None:
    file.parent.mkdir()
    file.write_text(content, encoding="latin-1")
    with pytest.raises(InvalidInput, match=r"endpoint\.json is not an endpoint file"):
        Endpoint.read(file)


def test_a_certificate_to_show_is_named_by_the_environment_or_the_file(file: Path) -> None:
    environment = {TLS_CERTIFICATE_VARIABLE: "/e/tls.crt", TLS_KEY_VARIABLE: "/e/tls.key"}
    replace(MINE, tls_certificate="/f/tls.crt", tls_key="/f/tls.key").write(file)
    shown = [
        find_endpoint(environment={}, path=file),
        find_endpoint(environment=environment, path=file),
        find_endpoint("elsewhere:1", environment=environment, path=file),
        find_endpoint("elsewhere:1", environment={}, path=file),
    ]
    assert [(each.tls_certificate, each.tls_key) for each in shown] == [
        ("/f/tls.crt", "/f/tls.key"),
        ("/e/tls.crt", "/e/tls.key"),
        ("/e/tls.crt", "/e/tls.key"),
        (None, None),
    ]
