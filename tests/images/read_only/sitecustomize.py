"""A read-only root file system, as Python programs see it; the folder WRITABLE may be written to.

Python runs this when it starts and finds it on its path. What is not Python is not kept from
writing; a container's own read-only root does that.
"""

import errno
import os
import sys
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGING = {
    "os.chmod",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.truncate",
}
_ALLOWED = (os.environ["WRITABLE"], "/dev/", "/proc/")


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    is_change = event in _CHANGING or (event == "open" and bool((arguments[2] or 0) & _WRITING))
    if not is_change or not isinstance(arguments[0], str | bytes):
        return
    path = os.path.abspath(os.fsdecode(arguments[0]))
    if not path.startswith(_ALLOWED):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)


sys.addaudithook(_refuse)
