"""Where the cache is, with a home and without."""

import os
import tempfile
from pathlib import Path

import pytest

from duologue.errors import InvalidSetting
from duologue.model.cache import cache_folder


@pytest.fixture(autouse=True)
def nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DUOLOGUE_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


def lose_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(user_id: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {user_id}")

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)


def test_the_users_own_is_taken_where_there_is_a_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder().is_relative_to(tmp_path)
    assert cache_folder().name == "duologue"
    assert not cache_folder().exists()


def test_without_a_home_it_is_a_private_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_home(monkeypatch)
    folder = cache_folder()
    assert folder == tmp_path / "temporary" / f"duologue-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert cache_folder() == folder


def test_a_home_that_is_no_folder_counts_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    assert cache_folder().parent == tmp_path / "temporary"


@pytest.mark.parametrize("is_link", [False, True])
def test_what_others_can_write_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_link: bool
) -> None:
    lose_home(monkeypatch)
    folder = tmp_path / "temporary" / f"duologue-{os.getuid()}"
    if is_link:
        (tmp_path / "else").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "else")
    else:
        folder.mkdir()
        folder.chmod(0o777)
    with pytest.raises(InvalidSetting, match="DUOLOGUE_CACHE must be set"):
        cache_folder()


def test_a_choice_may_not_begin_at_a_home_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lose_home(monkeypatch)
    monkeypatch.setenv("DUOLOGUE_CACHE", "~/cache")
    with pytest.raises(InvalidSetting, match="no home folder"):
        cache_folder()
