"""`duologue talk` on a real terminal: the screen of `duologue chat`, without a platform."""

from pathlib import Path

import pytest

from tests.client.terminal import on_a_terminal
from tests.tiny_models import write_tiny_model

pytestmark = pytest.mark.timeout(180)

READY_WITHIN_S = 120.0
"""All that a model needs is loaded in that time."""


async def test_the_screen_is_that_of_a_chat(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "model", "llama")
    command = ("talk", "--model", str(folder), "--strategy", "turn", "--device", "cpu")
    short = ("-s", "decoding.max_reply_tokens=4")
    async with on_a_terminal(*command, *short, cwd=tmp_path) as terminal:
        await terminal.until("● live  local-1", within_s=READY_WITHIN_S)
        terminal.press("What is it?")
        await terminal.until("What is it?▏")
        terminal.press("\r")
        await terminal.until("user  What is it?")
        await terminal.until("ms after the last key")
        terminal.press("\x04")
        await terminal.until("local-1 closed; last key to first text: last")
        assert await terminal.ended() == 0
