"""Unary calls: with a deadline, at another gateway if one does not answer, with typed errors."""

from collections.abc import Callable
from typing import TypeVar

import grpc

from duologue.client.link import Metadata
from duologue.client.routes import Routes
from duologue.client.status import error_of

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")
_MethodOf = Callable[[grpc.aio.Channel], grpc.aio.UnaryUnaryMultiCallable[_Request, _Response]]


class Calls:
    """Calls any unary method over a client's routes."""

    def __init__(self, routes: Routes, metadata: Metadata, within_ms: float) -> None:
        self._routes = routes
        self._metadata = metadata
        self._within_s = within_ms / 1e3

    async def call(self, method_of: _MethodOf[_Request, _Response], request: _Request) -> _Response:
        """The answer; raises ClientError. Each gateway is asked once at the most."""
        tries = len(self._routes.addresses)
        while True:
            tries -= 1
            async with self._routes.use() as route:
                method = method_of(route.channel)
                try:
                    return await method(request, timeout=self._within_s, metadata=self._metadata)
                except grpc.aio.AioRpcError as error:
                    if error.code() is grpc.StatusCode.UNAVAILABLE:
                        self._routes.leave(route)
                        if tries > 0:
                            continue
                    raise error_of(error, route.address) from error
