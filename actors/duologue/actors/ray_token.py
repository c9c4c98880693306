"""The token of the Ray that this program starts: without it, nobody else on the machine may use it.

Whoever may use a Ray runs code as its user.
"""

import atexit
import os
import secrets
import shutil
import tempfile
from collections.abc import MutableMapping
from functools import cache
from pathlib import Path

MODE = "RAY_AUTH_MODE"
TOKEN = "RAY_AUTH_TOKEN"
TOKEN_PATH = "RAY_AUTH_TOKEN_PATH"


def demand_token(environment: MutableMapping[str, str]) -> None:
    """Have the next Ray that is started ask for a token, which its processes inherit the way to.

    Where the environment says something else of Ray's authentication, that holds. Before Ray is
    started for the first time: it reads its token once.
    """
    if not {MODE, TOKEN, TOKEN_PATH} & environment.keys():
        # Not the mode: Ray turns it on by itself for a cluster of its own, if nothing is said.
        environment[TOKEN_PATH] = str(_token_file())


@cache
def _token_file() -> Path:
    """One for the life of this program, which only its user can read."""
    folder = Path(tempfile.mkdtemp(prefix="duologue-ray-"))  # mode 0700
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "auth_token"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32))
    return path
