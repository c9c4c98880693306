"""A conversation by OpenAI's Realtime API, with the official client: ask, listen, cut in.

Needs `pip install openai websockets`, and DUOLOGUE_HTTP (such as http://127.0.0.1:50080/v1) and
DUOLOGUE_API_KEY.
"""

import asyncio
import os
from typing import Any

from openai import AsyncOpenAI


async def main() -> None:
    """Ask, and cut in with another question as soon as the answer begins."""
    client = AsyncOpenAI(
        base_url=os.environ["DUOLOGUE_HTTP"], api_key=os.environ["DUOLOGUE_API_KEY"]
    )
    async with client.realtime.connect(model="default") as connection:
        await connection.session.update(
            session={"type": "realtime", "instructions": "Be brief.", "output_modalities": ["text"]}
        )
        await say(connection, "What is the sea made of?")
        has_cut_in = False
        async for event in connection:
            if event.type == "response.output_text.delta":
                print(event.delta, end="", flush=True)
                if not has_cut_in:  # the other side goes on listening while it speaks
                    has_cut_in = True
                    await say(connection, "No, wait. What is the sky made of?")
            elif event.type == "response.done":
                print(f"\n[{event.response.status}]")
                if event.response.status != "cancelled":
                    return
            elif event.type == "error":
                raise SystemExit(event.error.message)


async def say(connection: Any, text: str) -> None:
    """Text of the user as it comes, in any piece; the commit says that the turn is over."""
    for word in text.split():
        await connection.send({"type": "duologue.input_text.append", "text": f"{word} "})
    await connection.send({"type": "duologue.input_text.commit"})


asyncio.run(main())
