"""The examples of docs/api.md, run as shown, against real sessions."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path

import pytest

from tests.gateway.talking import Api
from tests.gateway.test_real_sessions import building, client, premises, valkey

__all__ = ["building", "client", "premises", "valkey"]

ROOT = Path(__file__).resolve().parent.parent.parent
COMMANDS = [
    command
    for command in re.findall(r"```bash\n(.*?)```", (ROOT / "docs" / "api.md").read_text(), re.S)
    if command.startswith("buf curl")
]


@pytest.fixture
def environment(client: Api) -> dict[str, str]:
    """As a reader has it after `duologue up`."""
    (_, bearer), *_ = client.metadata
    return {
        **os.environ,
        "DUOLOGUE_API_KEY": bearer.removeprefix("Bearer "),
        "DUOLOGUE_ADDRESS": client.address,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


async def test_the_plain_stubs(environment: dict[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "docs/examples/plain_stubs.py"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        cwd=ROOT,
    )
    told, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    assert "[resumed]" in told.decode()
    assert re.search(r"\[closed behind event \d+\]", told.decode())


async def test_a_unary_call_by_buf(environment: dict[str, str], client: Api) -> None:
    talk = await client.started()
    process = await asyncio.create_subprocess_shell(
        COMMANDS[0],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        cwd=ROOT,
    )
    told, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    names = [session["sessionId"] for session in json.loads(told)["sessions"]]
    assert talk.session_id in names


async def test_a_conversation_by_buf(environment: dict[str, str]) -> None:
    command, _, typed = COMMANDS[1].partition('Converse"\n')
    process = await asyncio.create_subprocess_shell(
        f'{command}Converse"',
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(typed.encode())
    told = ""
    while "responseDone" not in told:
        line = await process.stdout.readline()
        if not line:
            assert process.stderr is not None
            raise AssertionError((await process.stderr.read()).decode())
        told += line.decode()
    process.stdin.close()
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    for event in ("sessionReady", "inputState", "responseStarted", "responseDelta"):
        assert event in told
