"""The examples of docs/api.md and docs/client.md, run as shown, against real sessions."""

import json
import os
import re
import sys
from pathlib import Path

import pytest

from tests.gateway.talking import Api
from tests.gateway.test_real_sessions import building, client, premises, valkey
from tests.programs import running

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
    example = (sys.executable, "docs/examples/plain_stubs.py")
    async with running(*example, environment=environment, cwd=ROOT) as program:
        assert await program.ended() == 0, program.errors
    assert "[resumed]" in program.output
    assert re.search(r"\[closed behind event \d+\]", program.output)


async def test_a_model_of_ones_own(environment: dict[str, str]) -> None:
    """The head here takes everything for a query."""
    example = (sys.executable, "docs/examples/own_model.py")
    async with running(*example, environment=environment, cwd=ROOT) as program:
        assert await program.ended() == 0, program.errors
    assert "The sea covers" in program.output
    assert re.search(r"\[cut after \d+ characters\]", program.output)
    assert "  Almost eleven kilometres.  (complete)" in program.output


async def test_a_unary_call_by_buf(environment: dict[str, str], client: Api) -> None:
    talk = await client.started()
    async with running("sh", "-c", COMMANDS[0], environment=environment, cwd=ROOT) as program:
        assert await program.ended() == 0, program.errors
    names = [session["sessionId"] for session in json.loads(program.output)["sessions"]]
    assert talk.session_id in names


async def test_a_conversation_by_buf(environment: dict[str, str]) -> None:
    command, _, typed = COMMANDS[1].partition('Converse"\n')
    shell = ("sh", "-c", f'{command}Converse"')
    async with running(*shell, environment=environment, cwd=ROOT) as program:
        program.write(typed)
        await program.until_written("responseDone")
        program.end_input()
        assert await program.ended() == 0, program.errors
    for event in ("sessionReady", "inputState", "responseStarted", "responseDelta"):
        assert event in program.output
