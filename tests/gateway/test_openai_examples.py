"""The examples of docs/openai.md, run as shown, against real sessions."""

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from duologue.store.valkey import EmbeddedValkey
from tests.gateway.real import MODEL, house
from tests.programs import running

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
async def environment(tmp_path: Path, server: EmbeddedValkey) -> AsyncIterator[dict[str, str]]:
    """As a reader has it after `duologue up`."""
    async with house(tmp_path, server.url, max_reply_tokens=200) as home:
        yield {**os.environ, "DUOLOGUE_HTTP": home.url, "DUOLOGUE_API_KEY": home.key}


async def test_the_realtime_example_cuts_in(environment: dict[str, str]) -> None:
    example = (sys.executable, "docs/examples/openai_realtime.py")
    async with running(*example, environment=environment, cwd=ROOT) as program:
        assert await program.ended() == 0, program.errors
    marks = [line for line in program.output.splitlines() if line.startswith("[")]
    assert marks[0] == "[cancelled]"
    assert marks[-1] in ("[completed]", "[incomplete]")


async def test_the_chat_example(environment: dict[str, str]) -> None:
    example = (sys.executable, "docs/examples/openai_chat.py")
    async with running(*example, environment=environment, cwd=ROOT) as program:
        assert await program.ended() == 0, program.errors
    models, *answer = program.output.splitlines()
    assert models == f"models: ['{MODEL}']"
    assert "".join(answer).strip()
