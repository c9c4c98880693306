"""Programs as processes of their own: read with limits, and ended with their block."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO

from tests.waiting import WITHIN_S, News, waiting_for


class Program:
    """What it writes is read at once and kept, so that no wait for it can come too late."""

    def __init__(self, process: asyncio.subprocess.Process, errors: IO[bytes]) -> None:
        self._process = process
        self._errors = errors
        self._lines: list[str] = []
        self._is_silent = False
        self._news = News()
        self._reader = asyncio.create_task(self._read())

    @property
    def output(self) -> str:
        """All that it wrote so far."""
        return "".join(self._lines)

    @property
    def errors(self) -> str:
        """The same of its standard error."""
        size = os.fstat(self._errors.fileno()).st_size
        # Not by a seek, which would move the place where the program writes.
        return os.pread(self._errors.fileno(), size, 0).decode(errors="replace")

    async def line(self, beginning: str = "") -> str:
        """The first line that begins so; fails when the program falls silent without it."""
        await self._until(lambda: self._lines_with(beginning), f"the line {beginning!r}")
        return self._lines_with(beginning)[0]

    async def until_written(self, text: str) -> None:
        """Wait for a text; fails when the program falls silent without it."""
        await self._until(lambda: text in self.output, repr(text))

    async def ended(self, *, within_s: float = WITHIN_S) -> int:
        """The exit code, once nobody holds its output any more."""
        async with waiting_for("the program's end", self._told, within_s=within_s):
            await asyncio.wait({self._reader})
            return await self._process.wait()

    def write(self, text: str) -> None:
        """Give it something to read."""
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode())

    def end_input(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def clear_away(self) -> None:
        """End it, and whatever it has started and left."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self.ended()

    async def _until(self, is_so: Callable[[], object], what: str) -> None:
        await self._news.until(lambda: is_so() or self._is_silent, what, self._told)
        assert is_so(), f"it ended without {what}: {self._told()}"

    def _lines_with(self, beginning: str) -> list[str]:
        return [line for line in self._lines if line.startswith(beginning)]

    def _told(self) -> str:
        return f"{self.output}\n{self.errors}"

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._lines.append(line.decode())
            self._news.tell()
        self._is_silent = True
        self._news.tell()


@asynccontextmanager
async def running(
    *command: str | Path, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> AsyncIterator[Program]:
    """The program for as long as the block; it is the head of a process group of its own."""
    with tempfile.TemporaryFile() as errors:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=environment,
            cwd=cwd,
            start_new_session=True,
        )
        program = Program(process, errors)
        try:
            yield program
        finally:
            await program.clear_away()
