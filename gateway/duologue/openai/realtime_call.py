"""One WebSocket in the place of a call of Converse, as the gateway's conversations know it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from duologue.background import Background
from duologue.gateway.keys import Metadata
from duologue.openai.api_error import ApiError
from duologue.openai.open_session import OpenSession
from duologue.openai.realtime_conversation import RealtimeConversation
from duologue.openai.spoken_response import Event
from duologue.v1 import conversation_pb2 as pb
from duologue.v1 import events_pb2

USAGE_WITHIN_S = 1.0
"""A response's last event waits for so long for what the response took; the session may have lost
its process just then."""

_GONE = (WebSocketDisconnect, WebSocketDisconnected)


class RealtimeCall:
    """Two tasks use it: one reads, one writes. Whoever tells the client something tells all of it
    before the other does."""

    def __init__(
        self, socket: WebSocket, conversation: RealtimeConversation, metadata: Metadata
    ) -> None:
        self._socket = socket
        self._conversation = conversation
        self._metadata = metadata
        self._turn = asyncio.Lock()
        self._on_done: list[Callable[[Any], object]] = []
        self._background = Background()
        self.session = OpenSession()
        self.is_gone = False
        """Whether the client has left; what it would be told is dropped from then on."""

    # What a call is to the gateway.

    def invocation_metadata(self) -> Metadata:
        return self._metadata

    def add_done_callback(self, callback: Callable[[Any], object]) -> None:
        self._on_done.append(callback)

    async def write(self, response: pb.ConverseResponse) -> None:
        self.session.told(response.event)
        await self.tell(response.event)

    async def requests(self, first: Sequence[pb.ConverseRequest]) -> AsyncIterator[Any]:
        """What the client says, until it leaves: that closes the session."""
        for request in first:
            yield request
        while not self.is_gone:
            for request in await self.next_requests():
                yield request
        for request in self._conversation.closing():
            yield request

    async def done(self) -> None:
        """The call is over."""
        for callback in self._on_done:
            callback(self)
        await self._background.stop()

    # What it is to the door.

    async def open(self) -> None:
        async with self._turn:
            await self._send(self._conversation.opening())

    async def next_requests(self) -> Sequence[pb.ConverseRequest]:
        """What the next frame asks of the session, which may be nothing."""
        try:
            message = await self._socket.receive()
        except _GONE:
            self.is_gone = True
            return ()
        if message["type"] == "websocket.disconnect":
            self.is_gone = True
            return ()
        async with self._turn:
            outcome = self._conversation.take(message.get("text"))
            await self._send(outcome.to_client)
            return outcome.to_session

    async def tell(self, event: events_pb2.ServerEvent) -> None:
        """Tell the client of an event of its session."""
        async with self._turn:
            await self._send(self._conversation.told(event))
        if event.HasField("response_done"):
            self._background.start(self._settle(), "the end of a response")

    async def _settle(self) -> None:
        await asyncio.sleep(USAGE_WITHIN_S)
        async with self._turn:
            await self._send(self._conversation.settled())

    async def fail(self, error: ApiError) -> None:
        """Tell why the conversation ends."""
        async with self._turn:
            await self._send(self._conversation.failed(error))

    async def close(self, code: int, reason: str = "") -> None:
        if not self.is_gone:
            self.is_gone = True
            with suppress(*_GONE):
                await self._socket.close(code, reason)

    async def _send(self, events: Sequence[Event]) -> None:
        for event in events:
            if self.is_gone:
                return
            text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
            try:
                await self._socket.send_text(text.encode(errors="replace").decode())
            except _GONE:
                self.is_gone = True
