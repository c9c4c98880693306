"""The example of `docs/client.md` runs as it stands."""

import os
import sys
from pathlib import Path

from tests.client.service import KEY, EchoService, serving
from tests.programs import running

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "docs" / "examples"


async def test_the_example_holds_its_conversation() -> None:
    service = EchoService()
    async with serving(service) as address:
        environment = {**os.environ, "DUOLOGUE_ADDRESS": address, "DUOLOGUE_API_KEY": KEY}
        example = (sys.executable, EXAMPLES / "one_client.py")
        async with running(*example, environment=environment) as program:
            assert await program.ended() == 0, program.errors
        shown = program.output
    assert "Tell me about the sea." in shown
    assert "[reply 2: stop]" in shown
    assert shown.endswith("     user  Hello  (answered)\n")
    assert service.sessions["ses_1"].is_closed
