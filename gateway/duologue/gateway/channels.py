"""Channels to node agents and session actors: one per address, closed when not used for long."""

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc

from duologue.gateway.options import INTERNAL

_MAX_IDLE = 64


@dataclass(slots=True)
class _Shared:
    channel: grpc.aio.Channel
    num_users: int = 0


class Channels:
    """Of one event loop."""

    def __init__(self) -> None:
        self._shared: OrderedDict[str, _Shared] = OrderedDict()

    @asynccontextmanager
    async def use(self, address: str) -> AsyncIterator[grpc.aio.Channel]:
        """A channel that stays open at least as long as it is used."""
        shared = self._shared.get(address)
        if shared is None:
            channel = grpc.aio.insecure_channel(address, options=INTERNAL)
            shared = self._shared[address] = _Shared(channel)
        shared.num_users += 1
        self._shared.move_to_end(address)
        try:
            yield shared.channel
        finally:
            shared.num_users -= 1
            await self._close_idle()

    async def aclose(self) -> None:
        """Close all, whoever uses them."""
        while self._shared:
            _, shared = self._shared.popitem()
            await shared.channel.close()

    async def _close_idle(self) -> None:
        idle = [address for address, shared in self._shared.items() if not shared.num_users]
        for address in idle[: max(0, len(idle) - _MAX_IDLE)]:
            await self._shared.pop(address).channel.close()
