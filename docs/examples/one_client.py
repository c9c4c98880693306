"""One question to a running platform, and an interruption of the answer.

Takes the platform from DUOLOGUE_ADDRESS and DUOLOGUE_API_KEY, or from what `duologue up` wrote.
"""

import asyncio
import re

from duologue.cli.endpoint import find_endpoint
from duologue.client import (
    Client,
    ConnectionLost,
    InputState,
    Interrupted,
    ResponseDelta,
    ResponseDone,
    ResponsePaused,
    ResponseResumed,
    SessionConfig,
    connect,
)

QUESTION = "Tell me about the sea."
INTERRUPTION = "Wait, how deep is it?"


async def main() -> None:
    endpoint = find_endpoint()
    client = connect(endpoint.address, api_key=endpoint.api_key, tls=endpoint.tls_ca)
    config = SessionConfig(temperature=0.0, max_reply_tokens=60)
    async with client:
        session_id = await converse(client, config)
        for entry in await client.transcript(session_id):
            print(f"{entry.role:>9}  {entry.text}  ({entry.outcome})")


async def converse(client: Client, config: SessionConfig) -> str:
    """Ask, cut in, and listen to the end; returns the session's name."""
    async with client.converse(config) as conversation:
        for piece in re.split("(?= )", QUESTION):  # as it is spoken, word by word
            await conversation.append(piece)
        await conversation.commit()
        texts, has_interrupted = 0, False
        async for event in conversation:
            match event:
                case InputState(state, _, text):
                    print(f"[heard {text.strip()!r}: {state}]")
                case ResponseDelta(text=text):
                    print(text, end="", flush=True)
                    texts += 1
                    if texts == 4 and not has_interrupted:
                        has_interrupted = True
                        await conversation.say(INTERRUPTION)
                case ResponsePaused():
                    print("\n[falls silent]")
                case ResponseResumed(from_chars=from_chars):
                    print(f"\n[goes on from character {from_chars}]")
                case Interrupted(heard_chars=heard_chars):
                    print(f"\n[cut after {heard_chars} characters]")
                case ResponseDone(response_id, reason):
                    print(f"\n[reply {response_id}: {reason}]")
                    if response_id == 2:
                        break
                case ConnectionLost(reason):
                    print(f"\n[{reason}; resuming]")
                case _:
                    pass
    return conversation.session_id


if __name__ == "__main__":
    asyncio.run(main())
