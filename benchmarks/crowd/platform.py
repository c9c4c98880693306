"""A platform of one's own for a run: `duologue up` in a process beside this one."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from duologue.cli.endpoint import Endpoint
from duologue.errors import InvalidInput

START_WITHIN_S = 180.0
STOP_WITHIN_S = 30.0
POLL_S = 0.2


@asynccontextmanager
async def own_platform(settings: Sequence[str], log: Path) -> AsyncIterator[tuple[Endpoint, int]]:
    """Started with these settings (`section.name=value`), stopped when the block is left.

    Gives where it is, and its first metrics port.

    Raises InvalidInput with the end of its log if it does not come up.
    """
    metrics_port = free_port()
    settings = ["gateway.port=0", f"batching.metrics_port={metrics_port}", *settings]
    arguments = [part for setting in settings for part in ("--set", setting)]
    command = [str(Path(sys.executable).parent / "duologue"), "up", *arguments]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield await _endpoint(process, log), metrics_port
    finally:
        await _stop(process)


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


async def _endpoint(process: asyncio.subprocess.Process, log: Path) -> Endpoint:
    """What it writes once it can be talked to."""
    for _ in range(round(START_WITHIN_S / POLL_S)):
        found = Endpoint.read()
        if found is not None and found.pid == process.pid:
            return found
        if process.returncode is not None:
            break
        await asyncio.sleep(POLL_S)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    raise InvalidInput(f"`duologue up` did not come up; the end of {log}:\n{tail}")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    os.kill(process.pid, signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_WITHIN_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
