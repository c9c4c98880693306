"""Empties what runs on one host before the host goes: node agents and batching actors."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar

from duologue.clock import Clock
from duologue.cluster_status import BatcherStatus, NodeStatus
from duologue.errors import UnknownNode

LOOK_EVERY_S = 0.5

_Status = TypeVar("_Status", NodeStatus, BatcherStatus)
Sleep = Callable[[float], Awaitable[None]]


class NodeDirectory(Protocol):
    """Who is alive, and who is to be drained; `duologue.store.store.Store` is one."""

    async def nodes(self) -> tuple[NodeStatus, ...]: ...
    async def batchers(self) -> tuple[BatcherStatus, ...]: ...
    async def mark_draining(self, node_id: str) -> NodeStatus: ...
    async def mark_batcher_draining(self, batcher_id: str) -> BatcherStatus: ...


async def drain_host(
    directory: NodeDirectory,
    host: str,
    *,
    within_ms: float,
    clock: Clock,
    sleep: Sleep = asyncio.sleep,
) -> int:
    """Mark all that is announced at the host, and wait until its sessions have left.

    Node agents go first: a session that moves to another node takes its seat along. Returns the
    sessions that are left when the time is over. Raises StoreUnavailable.
    """
    until_ms = clock.now_ms() + within_ms
    for node in _at(host, await directory.nodes()):
        with suppress(UnknownNode):  # it has gone by itself
            await directory.mark_draining(node.node_id)
    for batcher in _at(host, await directory.batchers()):
        with suppress(UnknownNode):
            await directory.mark_batcher_draining(batcher.batcher_id)
    while True:
        nodes, batchers = await directory.nodes(), await directory.batchers()
        left = sum(each.sessions for each in _at(host, nodes))
        left += sum(each.sessions for each in _at(host, batchers))
        if not left or clock.now_ms() >= until_ms:
            return left
        await sleep(LOOK_EVERY_S)


def _at(host: str, announced: Sequence[_Status]) -> list[_Status]:
    return [each for each in announced if each.address.rpartition(":")[0] == host]
