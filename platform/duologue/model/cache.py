"""The cache folder: what can be made again at any time, and is slow enough to be kept."""

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """The folder for prepared models: DUOLOGUE_CACHE, or the user's cache folder on this system."""
    chosen = os.environ.get("DUOLOGUE_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    return _user_cache() / "duologue"


def _user_cache() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    by_variable = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME")
    if by_variable and Path(by_variable).is_absolute():
        return Path(by_variable)
    return Path.home() / ".cache"
