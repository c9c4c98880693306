"""Unary calls: with a deadline, at another gateway if one does not answer, with typed errors."""

from collections.abc import Callable
from typing import TypeVar

import grpc

from duologue.client.credentials import Credentials
from duologue.client.routes import Routes
from duologue.client.status import error_of, is_token_expired

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")
_MethodOf = Callable[[grpc.aio.Channel], grpc.aio.UnaryUnaryMultiCallable[_Request, _Response]]


class Calls:
    """Calls any unary method over a client's routes."""

    def __init__(self, routes: Routes, credentials: Credentials, within_ms: float) -> None:
        self._routes = routes
        self._credentials = credentials
        self._within_s = within_ms / 1e3

    async def call(self, method_of: _MethodOf[_Request, _Response], request: _Request) -> _Response:
        """The answer; raises ClientError. Each gateway is asked once at the most, and one of them
        once more if the token has expired and there is a new one."""
        tries, has_renewed = len(self._routes.addresses), False
        while True:
            tries -= 1
            async with self._routes.use() as route:
                method = method_of(route.channel)
                metadata = self._credentials.metadata()
                try:
                    return await method(request, timeout=self._within_s, metadata=metadata)
                except grpc.aio.AioRpcError as error:
                    if error.code() is grpc.StatusCode.UNAVAILABLE:
                        self._routes.leave(route)
                        if tries > 0:
                            continue
                    elif is_token_expired(error) and not has_renewed:
                        has_renewed = True
                        if self._credentials.are_renewed(metadata):
                            continue
                    raise error_of(error, route.address) from error
