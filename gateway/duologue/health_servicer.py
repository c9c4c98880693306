"""The health service of gRPC on a board of ours, for every port of the platform.

grpc_health's own writes to a client while it holds the lock that a change needs: one client that
reads nothing keeps all others, and the server, from every later change.
"""

from contextlib import aclosing
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from duologue.errors import CapacityExceeded
from duologue.health_board import HealthBoard

_Response = health_pb2.HealthCheckResponse


class HealthServicer(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """Tells what is on the board."""

    def __init__(self, board: HealthBoard) -> None:
        self._board = board

    async def Check(self, request: health_pb2.HealthCheckRequest, context: Any) -> Any:
        """How a service is now."""
        is_well = self._board.told(request.service)
        if is_well is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return _told(is_well)

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Any) -> None:
        """How a service is, and every later change, for those who are not too many."""
        try:
            async with aclosing(self._board.changes(request.service)) as changes:
                async for is_well in changes:
                    await context.write(_told(is_well))
        except CapacityExceeded as error:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))


def _told(is_well: bool | None) -> Any:
    if is_well is None:
        return _Response(status=_Response.SERVICE_UNKNOWN)
    return _Response(status=_Response.SERVING if is_well else _Response.NOT_SERVING)
