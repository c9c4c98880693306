"""A conversation with the platform over its WebSocket: JSON events in both directions."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

Event = dict[str, Any]


class Refused(Exception):
    """The platform does not take the conversation; the message says why."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(f"{message} ({status})")
        self.status = status


class Connection:
    """Of one conversation: when it ends, the platform closes the session."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, event: Event) -> None:
        """Raises ConnectionClosed when the platform has gone."""
        await self._socket.send(json.dumps(event, ensure_ascii=False))

    async def events(self) -> AsyncIterator[Event]:
        """What the platform tells, up to the end of the connection; raises ConnectionClosed if
        that is none in order."""
        async for message in self._socket:
            yield json.loads(message)

    async def close(self) -> None:
        await self._socket.close()


async def converse(base_url: str, api_key: str, model: str) -> Connection:
    """Connect to `base_url`, such as "http://127.0.0.1:50080/v1". Raises Refused, or OSError where
    nobody answers."""
    scheme, _, rest = base_url.rstrip("/").partition("://")
    secure = {"http": "ws", "https": "wss"}.get(scheme, scheme)
    url = f"{secure}://{rest}/realtime?model={quote(model)}"
    try:
        socket = await connect(url, additional_headers={"Authorization": f"Bearer {api_key}"})
    except InvalidStatus as error:
        raise Refused(_reason(error), error.response.status_code) from error
    return Connection(socket)


def _reason(error: InvalidStatus) -> str:
    try:
        return str(json.loads(error.response.body or b"")["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return "the platform says no more"


__all__ = ["Connection", "ConnectionClosed", "Event", "Refused", "converse"]
