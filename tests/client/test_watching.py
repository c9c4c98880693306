"""Pictures that follow each other: on a terminal, which is left as it was, and in a pipe."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.platform import OPERATOR, USER, SmallPlatform, small_platform
from tests.client.terminal import on_a_terminal
from tests.waiting import waiting_for

FAST = ("--every", "0.1")
_OPENED, _CLOSED, _CURSOR = b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?25h"


@pytest.fixture
def platform() -> Iterator[tuple[SmallPlatform, str]]:
    with small_platform() as found:
        yield found


def variables(address: str, cwd: Path, key: str = OPERATOR) -> dict[str, str]:
    return {
        "DUOLOGUE_ADDRESS": address,
        "DUOLOGUE_API_KEY": key,
        "DUOLOGUE_CACHE": str(cwd),
    }


@pytest.mark.parametrize("key", ["q", "\x03", "\x04"], ids=["q", "ctrl-c", "ctrl-d"])
async def test_top_follows_the_platform_and_leaves_the_terminal_as_it_was(
    platform: tuple[SmallPlatform, str], tmp_path: Path, key: str
) -> None:
    held, address = platform
    async with on_a_terminal("top", *FAST, cwd=tmp_path, **variables(address, tmp_path)) as top:
        before = top.modes
        await top.until("ses_4")
        assert _OPENED in top.raw
        assert top.modes != before  # single keys
        held.sessions[4].session_id = "ses_new"
        await top.until("ses_new")
        top.press(key)
        assert await top.ended() == 0
        await top.until_raw(_CLOSED, _CURSOR)
        assert top.modes == before


async def test_the_terminal_is_given_back_also_when_a_service_manager_ends_it(
    platform: tuple[SmallPlatform, str], tmp_path: Path
) -> None:
    arguments = ("sessions", "--all", *FAST)  # an interval alone watches too
    async with on_a_terminal(*arguments, cwd=tmp_path, **variables(platform[1], tmp_path)) as seen:
        before = seen.modes
        await seen.until("ses_4")
        seen.terminate()
        assert await seen.ended() == 0
        await seen.until_raw(_OPENED, _CLOSED, _CURSOR)
        assert seen.modes == before


async def test_a_platform_that_does_not_answer_is_told_beside_what_it_said_last(
    tmp_path: Path,
) -> None:
    with small_platform() as (_, address):
        top = on_a_terminal("top", *FAST, cwd=tmp_path, **variables(address, tmp_path))
        terminal = await top.__aenter__()
        await terminal.until("ses_4")
    try:
        await terminal.until(f"no answer from {address}")
        terminal.press("x")  # from here on, what is drawn anew
        await terminal.until(f"no answer from {address}")
        await terminal.until("ses_4")  # a picture comes in pieces, and its table behind its head
        terminal.press("q")
        assert await terminal.ended() == 0
    finally:
        await top.__aexit__(None, None, None)


async def test_a_first_refusal_is_one_line_on_a_terminal_that_was_not_touched(
    platform: tuple[SmallPlatform, str], tmp_path: Path
) -> None:
    arguments = variables(platform[1], tmp_path, USER)
    async with on_a_terminal("top", cwd=tmp_path, **arguments) as top:
        await top.until("error: this needs an operator's key")
        assert await top.ended() == 2
        assert _OPENED not in top.raw


@pytest.mark.parametrize("command", ["top", "status --watch", "sessions --all --watch"])
async def test_in_a_pipe_each_answer_is_a_line_of_json(
    platform: tuple[SmallPlatform, str], tmp_path: Path, command: str
) -> None:
    program = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "duologue"),
        *(*command.split(), *FAST, "--json"),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **variables(platform[1], tmp_path)},
    )
    assert program.stdout is not None
    try:
        async with waiting_for("three answers"):
            told = [json.loads(await program.stdout.readline()) for _ in range(3)]
            program.send_signal(signal.SIGINT)
            assert await program.wait() == 0
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    assert all("ses_0" in json.dumps(each) or each["capacity"] for each in told)
