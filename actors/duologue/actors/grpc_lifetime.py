"""The start and the stop of a gRPC server, one after the other and each to its end."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from grpc import aio


class GrpcLifetime:
    """Of one server of grpc.aio.

    Such a server that is shut down before its start has come to the core is started all the same,
    after its end, and that ends the process with a segmentation fault. A cancellation is enough to
    bring it about: it breaks off the start, and somebody tidies up.
    """

    def __init__(self, server: aio.Server) -> None:
        self._server = server
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Start the server; whoever is cancelled meanwhile is so once it has started."""
        await _to_its_end(self._start())

    async def stop(self, grace_s: float) -> None:
        """Stop it within the grace; whoever is cancelled meanwhile is so once it has stopped."""
        await _to_its_end(self._stop(grace_s))

    async def _start(self) -> None:
        async with self._turn:
            await self._server.start()

    async def _stop(self, grace_s: float) -> None:
        async with self._turn:
            await self._server.stop(grace_s)


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
