"""The home folder, which need not be there: in containers users often have none, and no name.

What asks Python for it fails with a traceback then, so everything here asks this module.
"""

from pathlib import Path

from duologue.errors import InvalidSetting


def home_folder() -> Path | None:
    """HOME, or what the system knows of the user; None if that is nothing."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def expanded(path: str | Path) -> Path:
    """The path, in which ~ stands for a home folder; raises InvalidSetting if there is none."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise InvalidSetting(
            f"{str(path)!r} must be a whole path where there is no home folder (HOME is not set)"
        ) from None
