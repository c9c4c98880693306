"""Channels to node agents and session actors: one per address, closed when not used for long.

When the cluster's certificates are renewed, whoever comes next gets new channels; those in use
stay until nobody uses them.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc

from duologue.gateway.options import INTERNAL
from duologue.peers import IN_CLEAR, Peers

_MAX_IDLE = 64


@dataclass(slots=True, eq=False)
class _Shared:
    channel: grpc.aio.Channel
    credentials: grpc.ChannelCredentials | None
    num_users: int = 0


class Channels:
    """Of one event loop."""

    def __init__(self, peers: Peers = IN_CLEAR) -> None:
        self._peers = peers
        self._outdated: set[_Shared] = set()
        self._shared: OrderedDict[str, _Shared] = OrderedDict()

    @asynccontextmanager
    async def use(self, address: str) -> AsyncIterator[grpc.aio.Channel]:
        """A channel that stays open at least as long as it is used."""
        shared, credentials = self._shared.get(address), self._peers.credentials
        if shared is not None and shared.credentials is not credentials:
            self._outdated.add(self._shared.pop(address))
            shared = None
        if shared is None:
            channel = self._peers.channel(address, INTERNAL)
            shared = self._shared[address] = _Shared(channel, credentials)
        shared.num_users += 1
        self._shared.move_to_end(address)
        try:
            yield shared.channel
        finally:
            shared.num_users -= 1
            await self._close_idle()

    async def aclose(self) -> None:
        """Close all, whoever uses them."""
        self._outdated.update(self._shared.values())
        self._shared.clear()
        while self._outdated:
            await self._outdated.pop().channel.close()

    async def _close_idle(self) -> None:
        idle = [address for address, shared in self._shared.items() if not shared.num_users]
        for address in idle[: max(0, len(idle) - _MAX_IDLE)]:
            await self._shared.pop(address).channel.close()
        for shared in [each for each in self._outdated if not each.num_users]:
            self._outdated.discard(shared)
            await shared.channel.close()
