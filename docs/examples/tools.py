"""Ask something that a tool has to tell; needs a platform whose model can call tools."""

import asyncio
import json
import os

from duologue.client import ResponseDelta, ResponseDone, SessionConfig, Tool, ToolCall, connect

PLACE = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
WEATHER = Tool("get_weather", "How the weather is at a place, now.", json.dumps(PLACE))


def get_weather(place: str) -> str:
    """What it is about to tell would come from somewhere else."""
    return json.dumps({"place": place, "sky": "rain"})


async def main() -> None:
    config = SessionConfig(tools=(WEATHER,), temperature=0)
    address, key = os.environ["DUOLOGUE_ADDRESS"], os.environ["DUOLOGUE_API_KEY"]
    async with connect(address, api_key=key) as client, client.converse(config) as conversation:
        await conversation.say("Does it rain in Cologne?")
        has_called = False
        async for event in conversation:
            match event:
                case ResponseDelta(text=text):
                    print(text, end="", flush=True)
                case ToolCall(call_id, _, name, arguments):
                    print(f"\n[{name} {arguments}]")
                    has_called = True
                    await conversation.tool_result(call_id, get_weather(**json.loads(arguments)))
                case ResponseDone(response_id) if response_id == 2 or not has_called:
                    print()
                    return


asyncio.run(main())
