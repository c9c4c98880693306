"""A conversation with the platform: what is told goes out in order, and replies come in."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from typing import Any

from livekit.agents import APIConnectionError, APIError, APIStatusError

from duologue_livekit.reply import Reply
from duologue_realtime import (
    Connection,
    ConnectionClosed,
    Event,
    Refused,
    Turn,
    converse,
    item_of,
)

KEY = "duologue_livekit"
"""Of a response's metadata: which of those that were asked for it is."""
MAX_KEPT = 64
"""Replies that are remembered: one that was cut may come back."""


class Link:
    """One conversation. `on_event` is told of each event before it is followed here.

    A reply that nobody has asked for is given to `on_begun`, with the response as it was told.
    """

    def __init__(
        self,
        connection: Connection,
        on_event: Callable[[Event], None] = lambda _event: None,
        on_begun: Callable[[Reply, Event], None] = lambda _reply, _response: None,
    ) -> None:
        self._connection = connection
        self._on_event = on_event
        self._on_begun = on_begun
        self._asked: dict[str, Reply] = {}
        self._numbers = count(1)
        self._replies: dict[str, Reply] = {}
        self._items: dict[str, Reply] = {}

    @classmethod
    async def open(
        cls,
        where: tuple[str, str, str],
        session: Event,
        turns: Sequence[Turn],
        **called: Callable[..., None],
    ) -> "Link":
        """Connect, and say how the conversation is to be held. Raises APIError."""
        base_url, api_key, model = where
        try:
            connection = await converse(base_url, api_key, model)
        except Refused as error:
            raise APIStatusError(str(error), status_code=error.status) from error
        except (OSError, ConnectionClosed) as error:
            raise APIConnectionError(f"Duologue does not answer: {error}") from error
        link = cls(connection, **called)
        await link.tell({"type": "session.update", "session": session})
        for turn in turns:
            await link.tell(item_of({"role": turn.role, "content": turn.text}))
        return link

    async def tell(self, *events: Event) -> None:
        for event in events:
            with suppress(ConnectionClosed):  # whoever reads says so
                await self._connection.send(event)

    def asking(self, reply: Reply) -> Event:
        """The event that asks for a reply."""
        key = f"{next(self._numbers)}"
        self._asked[key] = reply
        return {"type": "response.create", "event_id": key, "response": {"metadata": {KEY: key}}}

    async def follow(self) -> None:
        """Until the end of the conversation. Raises APIConnectionError where that is none in
        order, and whatever was asked for fails with it."""
        error = APIConnectionError("the conversation with Duologue has ended")
        try:
            async for event in self._connection.events():
                self._on_event(event)
                self._take(event)
        except ConnectionClosed as closed:
            error = APIConnectionError(f"the conversation with Duologue has ended: {closed}")
        for reply in (*self._asked.values(), *self._replies.values()):
            if not reply.is_over:
                reply.fail(error)
        raise error

    async def close(self) -> None:
        await self._connection.close()

    def of_item(self, event: Event) -> Reply | None:
        """The reply that an event is about."""
        return self._items.get(event["item_id"])

    def _take(self, event: Event) -> None:
        match event["type"]:
            case "response.created":
                self._begin(event["response"])
            case "response.output_item.added":
                if (reply := self._replies.get(event["response_id"])) is not None:
                    reply.item_id = event["item"]["id"]
                    self._items[reply.item_id] = reply
            case "response.output_text.delta":
                if (reply := self.of_item(event)) is not None:
                    reply.tell(event["delta"])
            case "response.done":
                if (reply := self._replies.get(event["response"]["id"])) is not None:
                    reply.end(event["response"].get("usage"))
            case "duologue.response_paused":
                if (reply := self.of_item(event)) is not None:
                    reply.pause()
            case "duologue.response_resumed":
                if (reply := self.of_item(event)) is not None:
                    reply.resume(event["from_chars"])
            case "duologue.interrupted":
                if (reply := self.of_item(event)) is not None:
                    reply.cut()
            case "error":
                self._refuse(event["error"])
            case _:
                pass

    def _begin(self, response: Event) -> None:
        reply = self._asked.pop((response["metadata"] or {}).get(KEY, ""), None)
        is_asked = reply is not None
        reply = reply or Reply()
        reply.response_id = response["id"]
        self._replies[reply.response_id] = reply
        if len(self._replies) > MAX_KEPT:
            oldest = self._replies.pop(next(iter(self._replies)))
            self._items.pop(oldest.item_id, None)
        if not is_asked:
            self._on_begun(reply, response)

    def _refuse(self, error: dict[str, Any]) -> None:
        reply = self._asked.pop(error.get("event_id") or "", None)
        if reply is not None:
            reply.fail(APIError(f"Duologue: {error['message']}", body=error, retryable=False))
