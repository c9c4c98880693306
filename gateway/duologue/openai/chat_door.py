"""`/v1/chat/completions`, and `/v1/models`: for clients that take turns. Each completion is a
session of its own, which is closed with its answer."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from duologue.background import Background
from duologue.gateway.conversation import Conversing
from duologue.gateway.errors import TooLate
from duologue.grants import Grant
from duologue.openai.api_error import ApiError, unusable
from duologue.openai.chat_call import ChatCall, Chunk
from duologue.openai.chat_reply import ChatReply
from duologue.openai.chat_request import ChatRequest, chat_request
from duologue.openai.door import Door, answer_of, credentials
from duologue.openai.fields import parsed


class ChatDoor:
    """Sessions go on in the background until they are closed, also when their client has left."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._background = Background()

    async def stop(self) -> None:
        await self._background.stop()

    async def complete(self, request: Request) -> Response:
        """An answer, whole or as it is said."""
        grant = None
        try:
            grant = await self._door.admit(credentials(request.headers))
            self._door.require_right(grant)
            asked = chat_request(parsed(await self._body(request)))
            model = await self._door.model_named(asked.model)
            asked = replace(asked, config=replace(asked.config, model=model))
            call, reply = self._begun(asked, request, grant)
            chunks = call.chunks()
            if not asked.is_streamed:
                await _until_whole(chunks, call, request)
                return JSONResponse(reply.completion())
            try:
                first = await anext(chunks)
            except BaseException:
                call.leave()
                raise
            events = self._events(first, chunks, call, reply, grant)
            return StreamingResponse(events, media_type="text/event-stream")
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception as error:
            return answer_of(self._door.refused(error, grant))

    async def models(self, request: Request) -> Response:
        """What is served."""
        grant = None
        try:
            grant = await self._door.admit(credentials(request.headers))
            self._door.require_right(grant)
            with self._door.allowance.call(grant.tenant.tenant_id):
                names = await self._door.models()
            wanted = request.path_params.get("model")
            if wanted is None:
                return JSONResponse({"object": "list", "data": [_model(name) for name in names]})
            if wanted not in names:
                told = f"there is no model {wanted[:80]!r} here"
                return answer_of(ApiError(told, "model_not_found", "model", status=404))
            return JSONResponse(_model(wanted))
        except Exception as error:
            return answer_of(self._door.refused(error, grant))

    async def _body(self, request: Request) -> bytes:
        """All of it, in time and not too large."""
        settings = self._door.parts.settings.gateway
        body = bytearray()
        try:
            async with asyncio.timeout(settings.unary_ms / 1e3):
                async for piece in request.stream():
                    body += piece
                    if len(body) > settings.max_message_bytes:
                        told = f"a request may have {settings.max_message_bytes} bytes"
                        raise unusable(None, told, "request_too_large")
        except TimeoutError:
            raise TooLate("the request did not come in time") from None
        return bytes(body)

    def _begun(
        self, asked: ChatRequest, request: Request, grant: Grant
    ) -> tuple[ChatCall, ChatReply]:
        """The session that answers, under way."""
        random_text = self._door.parts.opener.random_text
        reply = ChatReply(asked, f"chatcmpl-{random_text(12)}", int(time.time()))
        call = ChatCall(reply, credentials(request.headers))
        self._background.start(self._hold(call, grant), "a chat completion")
        return call, reply

    async def _hold(self, call: ChatCall, grant: Grant) -> None:
        parts, tenant_id = self._door.parts, grant.tenant.tenant_id
        failure: Exception | None = None
        try:
            with (
                parts.streams.opened(tenant_id) as stream,
                parts.watcher.metrics.tenants.conversing(tenant_id),
            ):
                await Conversing(parts, stream, grant).hold(call.requests(), call)
        except Exception as error:
            failure = error
        finally:
            call.done(failure)
            await self._door.close(grant, call.session.session_id)

    async def _events(
        self,
        first: Chunk,
        chunks: AsyncIterator[Chunk],
        call: ChatCall,
        reply: ChatReply,
        grant: Grant,
    ) -> AsyncIterator[bytes]:
        try:
            yield _sent(first)
            async for chunk in chunks:
                yield _sent(chunk)
            if reply.request.tells_usage:
                yield _sent(reply.last_chunk())
            yield b"data: [DONE]\n\n"
        except Exception as error:
            yield _sent(self._door.refused(error, grant).body)
        finally:
            call.leave()


async def _until_whole(chunks: AsyncIterator[Chunk], call: ChatCall, request: Request) -> None:
    """Wait for all of an answer; raises ClientDisconnect when nobody else does."""

    async def read() -> None:
        async for _ in chunks:
            pass

    async def left() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    reading, leaving = asyncio.create_task(read()), asyncio.create_task(left())
    try:
        done, _ = await asyncio.wait({reading, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if reading not in done:
            raise ClientDisconnect
        reading.result()
    finally:
        call.leave()
        for task in (reading, leaving):
            task.cancel()
        await asyncio.gather(reading, leaving, return_exceptions=True)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "duologue"}


def _sent(chunk: dict[str, Any]) -> bytes:
    text = json.dumps(chunk, ensure_ascii=False, separators=(",", ":"))
    return b"data: " + text.encode(errors="replace") + b"\n\n"
