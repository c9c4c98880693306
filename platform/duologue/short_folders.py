"""Folders whose paths leave room for sockets: the path of a Unix socket has an end.

It is 107 bytes on Linux and 103 elsewhere, and TMPDIR alone may be as long as that.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from duologue.errors import InvalidSetting

MAX_SOCKET_BYTES = 103

_ELSEWHERE = ("/tmp", "/var/tmp")


def short_folder(room_bytes: int, elsewhere: Sequence[str] = _ELSEWHERE) -> Path:
    """A folder for what does not last, below which a socket's path may have that many bytes more.

    It is TMPDIR unless that is too long. Raises InvalidSetting when there is none.
    """
    for folder in _candidates(elsewhere):
        if len(os.fsencode(folder)) + room_bytes <= MAX_SOCKET_BYTES and _is_usable(folder):
            return folder
    temporary = os.environ.get("TMPDIR", "")
    raise InvalidSetting(
        f"TMPDIR must leave room for the path of a socket, at most {MAX_SOCKET_BYTES - room_bytes} "
        f"bytes long, where {' and '.join(elsewhere)} cannot be written to; it has "
        f"{len(os.fsencode(temporary))} bytes: {temporary!r}"
    )


def _candidates(elsewhere: Sequence[str]) -> Iterator[Path]:
    with suppress(FileNotFoundError):  # none that can be written to
        yield Path(tempfile.gettempdir()).absolute()
    yield from (Path(folder) for folder in elsewhere)


def _is_usable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
