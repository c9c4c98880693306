"""Nodes and batching actors, as they announce themselves."""

from typing import Any

from duologue.cluster_status import BatcherStatus, Capacity, NodeStatus
from duologue.errors import CapacityExceeded, UnknownNode
from duologue.store.encoding import (
    batcher_from_json,
    figures_to_json,
    node_from_json,
    status_to_json,
    with_figures,
)
from duologue.store.keys import member_keys
from duologue.store.part import StorePart
from duologue.store.scripts import ANNOUNCE, MARK_DRAINING, MEMBERS

_NODES = member_keys("nodes")
_BATCHERS = member_keys("batchers")
_FIGURES = member_keys("batcher_figures")


class NodeStore(StorePart):
    """Whoever stops announcing itself is forgotten when its time is over."""

    async def announce_node(self, status: NodeStatus, ttl_ms: int = 5_000) -> bool:
        """Tell that the node is alive; returns whether an operator wants it drained.

        Raises CapacityExceeded when the cluster has too many.
        """
        return await self._announce(_NODES, status.node_id, status_to_json(status), ttl_ms)

    async def retract_node(self, node_id: str) -> None:
        """The node goes, in order."""
        await self._announce(_NODES, node_id, "", 1)

    async def nodes(self) -> tuple[NodeStatus, ...]:
        """Those alive, by name; draining ones say so."""
        found = [node_from_json(*member) for member in await self._members(_NODES)]
        return tuple(sorted(found, key=lambda node: node.node_id))

    async def mark_draining(self, node_id: str, is_draining: bool = True) -> NodeStatus:
        """Note that a node is to be drained, or no longer; raises UnknownNode.

        The mark stays for as long as the node lives. Returns its status as it stands now.
        """
        return node_from_json(await self._mark(_NODES, node_id, is_draining), is_draining)

    async def mark_batcher_draining(self, batcher_id: str) -> BatcherStatus:
        """Note that a batching actor is to send its sessions elsewhere; raises UnknownNode.

        There is no way back: its sessions do not come back either.
        """
        return batcher_from_json(await self._mark(_BATCHERS, batcher_id, True), True)

    async def announce_batcher(self, status: BatcherStatus, ttl_ms: int = 5_000) -> bool:
        """Tell that the batching actor is alive; returns whether an operator wants it drained.

        Raises CapacityExceeded when the cluster has too many.
        """
        name = status.batcher_id
        await self._announce(_FIGURES, name, figures_to_json(status), ttl_ms)
        return await self._announce(_BATCHERS, name, status_to_json(status), ttl_ms)

    async def retract_batcher(self, batcher_id: str) -> None:
        """The batching actor goes, in order."""
        await self._announce(_BATCHERS, batcher_id, "", 1)
        await self._announce(_FIGURES, batcher_id, "", 1)

    async def batchers_with_figures(self) -> tuple[BatcherStatus, ...]:
        """Those alive, by name, with the figures of their ticks and their memory."""
        figures = [text for text, _ in await self._members(_FIGURES)]
        return tuple(with_figures(each, figures) for each in await self.batchers())

    async def batchers(self) -> tuple[BatcherStatus, ...]:
        """Those alive, by name; without the figures that only operators look at."""
        found = [batcher_from_json(*member) for member in await self._members(_BATCHERS)]
        return tuple(sorted(found, key=lambda batcher: batcher.batcher_id))

    async def capacity(self) -> Capacity:
        """How much room the cluster has."""
        return Capacity.of(await self.nodes(), await self.batchers())

    async def _mark(self, keys: tuple[str, str, str], name: str, is_draining: bool) -> bytes:
        arguments = (self._connection.now, name, "1" if is_draining else "0")
        answer = await self._connection.run(MARK_DRAINING, keys, arguments)
        if answer[0] == b"unknown":
            kind = "node" if keys == _NODES else "batching actor"
            raise UnknownNode(f"there is no {kind} {name[:80]!r} that is alive")
        status: bytes = answer[1]
        return status

    async def _announce(
        self, keys: tuple[str, str, str], name: str, status: str, ttl_ms: int
    ) -> bool:
        limit = self._limits.max_members
        arguments = (self._connection.now, name, status, ttl_ms, limit)
        answer = await self._connection.run(ANNOUNCE, keys, arguments)
        if answer[0] == b"full":
            raise CapacityExceeded(
                f"the cluster has {limit} members of this kind, the most allowed"
            )
        return bool(answer[1])

    async def _members(self, keys: tuple[str, str, str]) -> list[tuple[bytes, bool]]:
        answer: list[Any] = await self._connection.run(MEMBERS, keys, (self._connection.now,))
        return [
            (status, bool(mark)) for status, mark in zip(answer[::2], answer[1::2], strict=True)
        ]
