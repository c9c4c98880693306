"""What is sent when, and how a connection ends, before a platform that follows a script."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pipecat.frames.frames import LLMContextFrame, LLMUpdateSettingsFrame
from pipecat.processors.aggregators.llm_context import LLMContext
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from duologue_pipecat import DuologueLLMSettings
from stage import Stage, staged


@dataclass
class Script:
    """A platform that takes everything, and says nothing."""

    url: str = ""
    paths: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    sockets: list[ServerConnection] = field(default_factory=list)
    stage: Stage | None = None
    refusal: str = ""

    async def refuse(self, socket: ServerConnection, request: Request) -> Response | None:
        self.paths.append(request.path)
        self.keys.append(request.headers.get("Authorization"))
        if not self.refusal:
            return None
        return socket.respond(HTTPStatus.TOO_MANY_REQUESTS, self.refusal)

    async def hold(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        async for message in socket:
            self.told.append(json.loads(message))
            if self.stage is not None:
                self.stage.news.set()

    async def until_told(self, count: int) -> None:
        assert self.stage is not None
        await self.stage.until(lambda: len(self.told) >= count, f"event {count}")


@asynccontextmanager
async def scripted() -> AsyncIterator[Script]:
    script = Script()
    async with serve(script.hold, "127.0.0.1", 0, process_request=script.refuse) as server:
        port = server.sockets[0].getsockname()[1]
        script.url = f"http://127.0.0.1:{port}/v1"
        yield script


async def test_how_a_conversation_is_to_be_held() -> None:
    history = [{"role": "user", "content": "hello"}]
    settings: dict[str, Any] = {"model": "small one", "system_instruction": "Be brief."}
    async with (
        scripted() as script,
        staged(
            script.url, "key", history=history, temperature=0.5, max_tokens=9, **settings
        ) as stage,
    ):
        script.stage = stage
        await script.until_told(2)
        assert script.paths == ["/v1/realtime?model=small%20one"]
        assert script.keys == ["Bearer key"]
        assert script.told[0]["session"] == {
            "type": "realtime",
            "instructions": "Be brief.",
            "max_output_tokens": 9,
            "duologue": {"temperature": 0.5, "reports_playback": True},
        }
        assert script.told[1]["item"]["role"] == "user"
        change = DuologueLLMSettings(temperature=0.0, floor="eager")
        await stage.worker.queue_frame(LLMUpdateSettingsFrame(delta=change))
        await script.until_told(3)
        own = script.told[2]["session"]["duologue"]
        assert own == {"temperature": 0.0, "floor": "eager"}


async def test_why_it_is_refused_is_told() -> None:
    async with scripted() as script:
        script.refusal = json.dumps({"error": {"message": "there is no room", "code": "no_room"}})
        async with staged(script.url, "key") as stage:
            await stage.until(lambda: stage.errors != [], "error")
            assert "there is no room (429)" in stage.errors[0]
            await stage.recognise("what is it?")  # which goes nowhere, and does no harm


async def test_nobody_answers() -> None:
    async with scripted() as script:
        url = script.url
    async with staged(url, "key") as stage:
        await stage.until(lambda: stage.errors != [], "error")
        assert "Duologue does not take the conversation" in stage.errors[0]


async def test_a_connection_that_ends_is_told() -> None:
    async with scripted() as script, staged(script.url, "key") as stage:
        script.stage = stage
        await script.until_told(1)
        await script.sockets[0].close(1013, "later")
        await stage.until(lambda: stage.errors != [], "error")
        assert "the conversation with Duologue has ended" in stage.errors[0]


async def test_an_error_of_the_platform_is_told_and_the_conversation_goes_on() -> None:
    async with scripted() as script, staged(script.url, "key") as stage:
        script.stage = stage
        await script.until_told(1)
        for code, message in (("response_cancel_not_active", "none"), ("no", "what is that?")):
            error = {"type": "error", "error": {"code": code, "message": message}}
            await script.sockets[0].send(json.dumps(error))
        await stage.until(lambda: stage.errors != [], "error")
        assert stage.errors == ["Duologue: what is that? (no)"]
        await stage.recognise("what")
        await script.until_told(2)


async def test_contexts_of_an_aggregator_are_refused() -> None:
    async with scripted() as script, staged(script.url, "key") as stage:
        await stage.worker.queue_frame(LLMContextFrame(LLMContext()))
        await stage.until(lambda: stage.errors != [], "error")
        assert "leave the aggregator" in stage.errors[0]
