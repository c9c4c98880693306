"""An assistant with a model of its own: Duologue listens, and says when to speak and when to stop.

Takes the platform from DUOLOGUE_ADDRESS and DUOLOGUE_API_KEY, or from what `duologue up` wrote.
"""

import asyncio
import re

from duologue.cli.endpoint import find_endpoint
from duologue.client import (
    Client,
    Conversation,
    InputState,
    Interrupted,
    ResponseDone,
    ResponsePaused,
    ResponseResumed,
    ResponseStarted,
    SessionConfig,
    connect,
)

QUESTION = "Tell me about the sea."
INTERRUPTION = "Wait, how deep is it?"
WORD_S = 0.2


def answer(query: str) -> str:
    """Whatever model you have."""
    if "deep" in query:
        return "Almost eleven kilometres."
    return (
        "The sea covers most of the Earth. It is salty, and it is older than anything alive in it."
    )


class Player:
    """Says an answer word by word, and tells what it has said."""

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self.num_said = 0
        self._may_go_on = asyncio.Event()
        self._saying: asyncio.Task[None] | None = None

    def begin(self, response_id: int, text: str) -> None:
        self.stop()
        self._may_go_on.set()
        self._saying = asyncio.create_task(self._say(response_id, text))

    def pause(self) -> None:
        self._may_go_on.clear()

    def resume(self) -> None:
        self._may_go_on.set()

    def stop(self) -> None:
        if self._saying is not None:
            self._saying.cancel()

    async def _say(self, response_id: int, text: str) -> None:
        for word in re.split("(?= )", text):
            await self._may_go_on.wait()
            await asyncio.sleep(WORD_S)  # as long as it takes to play
            print(word, end="", flush=True)
            await self.conversation.assistant_said(word, response_id)
            self.num_said += 1
        await self.conversation.assistant_said(response_id=response_id, is_end=True)


async def converse(client: Client) -> str:
    """Ask, answer, cut in, answer again; returns the session's name."""
    async with client.converse(SessionConfig(strategy="listen")) as conversation:
        player, query = Player(conversation), ""
        user = asyncio.create_task(speak(conversation, player))
        async for event in conversation:
            match event:
                case InputState(state, _, text):
                    print(f"\n[heard {text!r}: {state}]")
                    query = text
                case ResponseStarted(response_id):
                    player.begin(response_id, answer(query))
                case ResponsePaused():
                    player.pause()
                case ResponseResumed():
                    player.resume()
                case Interrupted(heard_chars=heard_chars):
                    player.stop()
                    print(f"\n[cut after {heard_chars} characters]")
                case ResponseDone(response_id, reason):
                    print(f"\n[response {response_id}: {reason}]")
                    if "deep" in query and not reason.startswith("inter"):
                        break
                case _:
                    pass
        await user
    return conversation.session_id


async def speak(conversation: Conversation, player: Player) -> None:
    """The user: a microphone and a speech recogniser, word by word."""
    for word in re.split("(?= )", QUESTION):
        await conversation.append(word)
        await asyncio.sleep(WORD_S)
    await conversation.commit()
    while player.num_said < 4:
        await asyncio.sleep(WORD_S)
    await conversation.say(INTERRUPTION)


async def main() -> None:
    endpoint = find_endpoint()
    async with connect(endpoint.address, api_key=endpoint.api_key, tls=endpoint.tls_ca) as client:
        session_id = await converse(client)
        for entry in await client.transcript(session_id):
            print(f"{entry.role:>9}  {entry.text}  ({entry.outcome})")


if __name__ == "__main__":
    asyncio.run(main())
