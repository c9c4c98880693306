"""The cache folder: what can be made again at any time, and is slow enough to be kept."""

import os
import stat
import sys
import tempfile
from pathlib import Path

from duologue.errors import InvalidSetting
from duologue.home import expanded, home_folder

VARIABLE = "DUOLOGUE_CACHE"


def cache_folder() -> Path:
    """The folder for prepared models: DUOLOGUE_CACHE, or the user's cache folder on this system.

    Where the user has no home, or one that cannot be written to, it is a private folder among the
    temporary ones. Raises InvalidSetting if somebody else has taken that.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return expanded(chosen).absolute()
    users = _user_cache()
    if users is not None and _can_be_used(users / "duologue"):
        return users / "duologue"
    return _temporary_cache()


def _user_cache() -> Path | None:
    by_variable = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME")
    if sys.platform != "darwin" and by_variable and Path(by_variable).is_absolute():
        return Path(by_variable)
    home = home_folder()
    if home is None:
        return None
    return home / "Library" / "Caches" if sys.platform == "darwin" else home / ".cache"


def _can_be_used(folder: Path) -> bool:
    """Whether it is there, or could be made."""
    if folder.exists():
        return True
    above = next((each for each in folder.parents if each.exists()), None)
    return above is not None and above.is_dir() and os.access(above, os.W_OK | os.X_OK)


def _temporary_cache() -> Path:
    """Others can write beside it, so it must have been made by us: models are loaded from it."""
    owner = os.getuid() if hasattr(os, "getuid") else 0
    try:
        folder = Path(tempfile.gettempdir()).absolute() / f"duologue-{owner}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise _refusal(str(error)) from error
    if not stat.S_ISDIR(found.st_mode) or (
        os.name == "posix" and (found.st_uid != owner or found.st_mode & 0o077)
    ):
        raise _refusal(f"{folder} is not this user's alone")
    return folder


def _refusal(why: str) -> InvalidSetting:
    return InvalidSetting(
        f"{VARIABLE} must be set where there is no home folder that can be written to: {why}"
    )
