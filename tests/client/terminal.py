"""A command on a terminal of its own: keys go in, what is shown comes out."""

import asyncio
import fcntl
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.waiting import WITHIN_S, News, waiting_for

_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]")
# Takes the terminal as its own, so that Ctrl-C reaches it, and becomes the command.
_LAUNCH = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)
ROWS, COLUMNS = 30, 100


class Terminal:
    """The near end of a pseudo-terminal."""

    def __init__(self, process: asyncio.subprocess.Process, descriptor: int) -> None:
        self._process = process
        self._descriptor = descriptor
        self._raw = b""
        self._news = News()
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    @property
    def shown(self) -> str:
        """Everything since the last key, without the control sequences."""
        return _CONTROLS.sub("", self._raw.decode(errors="replace"))

    @property
    def raw(self) -> bytes:
        """The same, with the control sequences."""
        return self._raw

    @property
    def modes(self) -> list[object]:
        """How the terminal treats keys: what programs are to leave as they found it."""
        return termios.tcgetattr(self._descriptor)

    def press(self, keys: str) -> None:
        self._raw = b""
        os.write(self._descriptor, keys.encode())

    def terminate(self) -> None:
        """Ask the command to end, as service managers do."""
        self._process.terminate()

    async def until(self, text: str, *, within_s: float = WITHIN_S) -> str:
        """Wait until it is shown; fails with what is shown instead."""
        await self._news.until(
            lambda: text in self.shown, repr(text), self._last_shown, within_s=within_s
        )
        return self.shown

    async def until_raw(self, *sequences: bytes) -> None:
        """Wait until all of these control sequences were sent."""
        what = " and ".join(map(repr, sequences))
        await self._news.until(lambda: all(each in self._raw for each in sequences), what)

    async def ended(self) -> int:
        """The exit code."""
        async with waiting_for("the command's end", self._last_shown):
            return await self._process.wait()

    def detach(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _read(self) -> None:
        try:
            self._raw += os.read(self._descriptor, 65_536)
        except OSError:  # the command has ended
            asyncio.get_running_loop().remove_reader(self._descriptor)
        self._news.tell()

    def _last_shown(self) -> str:
        return self.shown[-4_000:]


@asynccontextmanager
async def on_a_terminal(*arguments: str, cwd: Path, **variables: str) -> AsyncIterator[Terminal]:
    """Run `duologue` with these arguments; it is ended when the block is left."""
    near, far = pty.openpty()
    fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", **variables}
    for name in ("COLUMNS", "LINES"):
        environment.pop(name, None)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _LAUNCH,
        str(Path(sys.executable).parent / "duologue"),
        *arguments,
        stdin=far,
        stdout=far,
        stderr=far,
        cwd=cwd,
        env=environment,
        start_new_session=True,
    )
    os.close(far)
    terminal = Terminal(process, near)
    try:
        yield terminal
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        terminal.detach()
