"""Odd WebSocket frames, the same for the same seed, and what sends them at a door.

`python -m tests.gateway.odd_frames --frames 20000` sends that many, beside a neighbour's talk.
"""

import argparse
import asyncio
import json
import logging
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from duologue.store.valkey import EmbeddedValkey
from duologue.tenants import Tenant
from tests.gateway.real import MODEL, House, house
from tests.waiting import waiting_for

Frame = str | bytes

PER_CONNECTION = 100
ODD_TENANT = Tenant("odd", opens_per_minute=10**6, input_chars_per_minute=10**9, max_sessions=10**4)
QUESTION = "what is it?"

_MESSAGE = {"type": "message", "role": "user"}
_EVENTS: tuple[dict[str, Any], ...] = (
    {"type": "session.update", "session": {"type": "realtime", "instructions": "Be brief."}},
    {"type": "session.update", "session": {"max_output_tokens": 5, "duologue": {"top_k": 3}}},
    {
        "type": "conversation.item.create",
        "item": {**_MESSAGE, "content": [{"type": "input_text", "text": "what?"}]},
    },
    {"type": "conversation.item.truncate", "item_id": "item_1", "content_index": 0},
    {"type": "response.create", "response": {"metadata": {"a": "b"}}},
    {"type": "response.cancel"},
    {"type": "duologue.input_text.append", "text": "what is ", "segment_id": "s"},
    {"type": "duologue.input_text.revise", "text": "who is ", "segment_id": "s"},
    {"type": "duologue.input_text.commit"},
    {"type": "duologue.playback_ack", "item_id": "item_1", "heard_chars": 3},
    {"type": "session.update", "session": {"duologue": {"strategy": "listen"}}},
    {"type": "duologue.assistant_said", "text": "It is", "is_end": True, "heard_chars": 2},
    {"type": "session.update", "session": {"tools": [{"type": "function", "name": "f"}]}},
    {
        "type": "conversation.item.create",
        "item": {"type": "function_call_output", "call_id": "call_1", "output": "x"},
    },
    {"type": "input_audio_buffer.append", "audio": "AAAA"},
)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 10**30, 2**32, 1e308, "", " ", "a", "\ud800", "\0", "é" * 300),
    *([], {}, [[]], [None], {"": ""}, {"type": "message"}, "x" * 5_000, float("nan")),
)


def frames(seed: int, count: int) -> Iterator[Frame]:
    """So many of them; about half are events with something wrong."""
    random = Random(seed)
    for _ in range(count):
        yield _frame(random)


def _frame(random: Random) -> Frame:
    match random.randrange(10):
        case 0:
            return random.randbytes(random.randrange(200))
        case 1:
            return "".join(chr(random.randrange(1, 0xD000)) for _ in range(random.randrange(50)))
        case 2:
            return random.choice(("[", '{"a":', "-")) * random.randrange(1, 20_000)
        case 3:
            return _cut(random, json.dumps(random.choice(_EVENTS)))
        case 4 | 5:
            return json.dumps(random.choice(_EVENTS))
        case _:
            event = json.loads(json.dumps(random.choice(_EVENTS)))
            for _ in range(random.randrange(1, 4)):
                _change(random, event)
            return json.dumps(event)


def _cut(random: Random, text: str) -> str:
    place = random.randrange(len(text))
    instead = random.choice(("", "\0", "}", '"'))
    return text[:place] + instead + text[random.randrange(place, len(text)) :]


def _change(random: Random, value: Any) -> None:
    """Put something odd somewhere into it."""
    while isinstance(value, dict) and value:
        key = random.choice(list(value))
        if isinstance(value[key], dict) and random.random() < 0.6:
            value = value[key]
            continue
        match random.randrange(3):
            case 0:
                del value[key]
            case 1:
                value[key] = random.choice(_VALUES)
            case _:
                value[random.choice(("type", "extra", "text", "model"))] = random.choice(_VALUES)
        return


async def send_all(home: House, key: str, odd: Iterator[Frame]) -> int:
    """Send them, over as many connections as it takes; how many were followed by an answer."""
    num_sent = 0
    left = True
    while left:
        headers = {"Authorization": f"Bearer {key}"}
        url = f"{home.url.replace('http', 'ws', 1)}/realtime?model={MODEL}"
        async with connect(url, additional_headers=headers, compression=None) as socket:
            reading = asyncio.create_task(_read_to_the_end(socket))
            with suppress(ConnectionClosed):
                for _ in range(PER_CONNECTION):
                    frame = next(odd, None)
                    if frame is None:
                        left = False
                        break
                    await socket.send(frame)
                    num_sent += 1
                await socket.send(json.dumps({"type": "the end", "event_id": "the end"}))
            async with waiting_for("an answer to the last frame"):
                await reading
    return num_sent


async def _read_to_the_end(socket: ClientConnection) -> None:
    """Until the last frame is answered, or the connection was closed because of another one."""
    with suppress(ConnectionClosed):
        while json.loads(await socket.recv()).get("error", {}).get("event_id") != "the end":
            pass


async def answer(home: House) -> str:
    """What a neighbour is told, who always asks the same."""
    async with home.openai() as client:
        told = await client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": QUESTION}], temperature=0
        )
    return told.choices[0].message.content or ""


async def _main(num_frames: int, seed: int) -> None:
    logging.basicConfig(level=logging.ERROR)
    valkey = EmbeddedValkey()
    await valkey.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            async with house(Path(folder), valkey.url) as home:
                await home.premises.store.put_tenant(ODD_TENANT)
                key = (await home.premises.store.create_key(ODD_TENANT.tenant_id)).key
                before = await answer(home)
                sending = asyncio.create_task(send_all(home, key, frames(seed, num_frames)))
                num_asked = 0
                while not sending.done():
                    assert await answer(home) == before, "a neighbour is told something else"
                    num_asked += 1
                print(f"{await sending} frames sent; a neighbour was answered {num_asked} times")
    finally:
        await valkey.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    asyncio.run(_main(given.frames, given.seed))
