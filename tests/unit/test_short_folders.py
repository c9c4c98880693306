"""Folders for sockets, wherever TMPDIR leads."""

import tempfile
from pathlib import Path

import pytest

from duologue.errors import InvalidSetting
from duologue.short_folders import MAX_SOCKET_BYTES, short_folder
from tests.long_folders import long_temporary_folder


def test_the_temporary_folder_is_taken_if_it_is_short(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    assert short_folder(20, []) == folder
    folder.rmdir()


def test_another_one_is_taken_if_it_is_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_temporary_folder(tmp_path, monkeypatch)
    assert short_folder(20) == Path("/tmp")


def test_where_there_is_none_it_is_said_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = long_temporary_folder(tmp_path, monkeypatch)
    with pytest.raises(InvalidSetting) as refused:
        short_folder(20, [str(tmp_path / "nowhere")])
    told = str(refused.value)
    assert "TMPDIR" in told
    assert str(folder) in told
    assert f"{MAX_SOCKET_BYTES - 20} bytes" in told
    assert "\n" not in told
