"""The example of `docs/client.md` runs as it stands."""

import asyncio
import os
import sys
from pathlib import Path

from tests.client.service import KEY, EchoService, serving

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "docs" / "examples"


async def test_the_example_holds_its_conversation() -> None:
    service = EchoService()
    async with serving(service) as address:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(EXAMPLES / "one_client.py"),
            env={**os.environ, "DUOLOGUE_ADDRESS": address, "DUOLOGUE_API_KEY": KEY},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    shown = said.decode()
    assert "Tell me about the sea." in shown
    assert "[reply 2: stop]" in shown
    assert shown.endswith("     user  Hello  (answered)\n")
    assert service.sessions["ses_1"].is_closed
