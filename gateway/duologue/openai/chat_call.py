"""A chat completion in the place of a call of Converse, as the gateway's conversations know it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from duologue.gateway.keys import Metadata
from duologue.openai.chat_reply import ChatReply
from duologue.openai.open_session import OpenSession
from duologue.v1 import conversation_pb2 as pb

MAX_WAITING = 64
"""Chunks that wait for a client that reads slowly."""

Chunk = dict[str, Any]


class ChatCall:
    """The session's side writes chunks, the client's side reads them."""

    def __init__(self, reply: ChatReply, metadata: Metadata) -> None:
        self._reply = reply
        self._metadata = metadata
        self._on_done: list[Callable[[Any], object]] = []
        self._chunks: asyncio.Queue[Chunk | None] = asyncio.Queue(MAX_WAITING)
        self._is_over = asyncio.Event()
        self._is_read = True
        self._error: Exception | None = None
        self.session = OpenSession()

    # What a call is to the gateway.

    def invocation_metadata(self) -> Metadata:
        return self._metadata

    def add_done_callback(self, callback: Callable[[Any], object]) -> None:
        self._on_done.append(callback)

    async def write(self, response: pb.ConverseResponse) -> None:
        self.session.told(response.event)
        was_whole = self._reply.is_whole
        for chunk in self._reply.told(response.event):
            await self._put(chunk)
        if self._reply.is_said:
            self._is_over.set()
        if self._reply.is_whole and not was_whole:
            await self._put(None)

    async def requests(self) -> AsyncIterator[Any]:
        """What is said, until the answer is there or nobody waits for it."""
        for request in self._reply.begins_with():
            yield request
        await self._is_over.wait()
        yield self._reply.ends_with()

    def done(self, error: Exception | None) -> None:
        """The call is over."""
        for callback in self._on_done:
            callback(self)
        self._error = error
        if not self._is_read:
            return
        while self._chunks.full():  # what is left of an answer that failed is of no use
            self._chunks.get_nowait()
        self._chunks.put_nowait(None)

    # What it is to the client.

    async def chunks(self) -> AsyncIterator[Chunk]:
        """All of the answer; raises what ended it before its end.

        What it took may be missing, where the session ended before that was told.
        """
        while (chunk := await self._chunks.get()) is not None:
            yield chunk
        if not self._reply.is_said:
            raise self._error or RuntimeError("the session ended without an answer")

    def leave(self) -> None:
        """Nobody waits for the answer any more: the session is closed."""
        self._is_read = False
        self._is_over.set()
        while not self._chunks.empty():
            self._chunks.get_nowait()

    async def _put(self, chunk: Chunk | None) -> None:
        if self._is_read:
            await self._chunks.put(chunk)
