"""Programs run by a user that has no name and no home, as in containers that choose a number."""

import os
import shutil
import sys

import pytest

USER = 54_321
"""Nobody has it."""
_VARIABLES = ("HOME", "XDG_CACHE_HOME", "USER", "LOGNAME", "DUOLOGUE_CACHE", "RAY_TMPDIR")


def nameless() -> tuple[str, ...]:
    """What to put before a command; skips the test where nobody can become another user.

    Reading is allowed everywhere, since the interpreter may lie in a home of its own.
    """
    if not sys.platform.startswith("linux") or os.getuid() != 0:
        pytest.skip("only root, on Linux, can run a program as a user who is not there")
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv (util-linux) is not installed")
    reading = "+dac_read_search"
    return (
        *("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"),
        *(f"--inh-caps={reading}", f"--ambient-caps={reading}"),
    )


def without_home(**more: str) -> dict[str, str]:
    """The environment of such a user."""
    kept = {name: value for name, value in os.environ.items() if name not in _VARIABLES}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **more}
