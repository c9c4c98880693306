"""The platform that the tests talk to: a process of the environment that has Duologue."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = Path(os.environ.get("DUOLOGUE_PYTHON", ROOT / ".venv" / "bin" / "python"))
STARTED_WITHIN_S = 180.0
ENDED_WITHIN_S = 20.0


@dataclass(frozen=True)
class Platform:
    """Where it is, a key to it, and its process."""

    url: str
    key: str
    process: asyncio.subprocess.Process

    async def dictate(self, state: str) -> None:
        """What every utterance is from now on: query, non_query, incomplete or hold."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{state}\n".encode())
        assert await line_of(self.process) == state


async def line_of(process: asyncio.subprocess.Process) -> str:
    """The next line that it writes."""
    assert process.stdout is not None
    async with asyncio.timeout(STARTED_WITHIN_S):
        return (await process.stdout.readline()).decode().strip()


@pytest_asyncio.fixture(scope="session")
async def running_platform() -> AsyncIterator[Platform]:
    assert PYTHON.exists(), f"there is no {PYTHON}: run `make setup`, or set DUOLOGUE_PYTHON"
    roots = os.pathsep.join(
        str(ROOT / root) for root in ("", "platform", "actors", "gateway", "protos", "lab")
    )
    process = await asyncio.create_subprocess_exec(
        *(str(PYTHON), str(Path(__file__).with_name("small_platform.py"))),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": roots, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        start_new_session=True,
    )
    try:
        where = json.loads(await line_of(process))
        yield Platform(where["url"], where["key"], process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDED_WITHIN_S):
                await process.wait()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


@pytest_asyncio.fixture
async def platform(running_platform: Platform) -> Platform:
    """What is said is a query, until a test says otherwise."""
    await running_platform.dictate("query")
    return running_platform
