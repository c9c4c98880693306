"""Nodes and batching actors, as they announce themselves."""

from duologue.cluster_status import BatcherStatus, Capacity, NodeStatus
from duologue.store.part import StorePart


class NodeStore(StorePart):
    """Whoever stops announcing itself is forgotten when its time is over."""

    async def announce_node(self, status: NodeStatus, ttl_ms: int = 5_000) -> bool:
        """Tell that the node is alive; returns whether an operator wants it drained."""
        raise NotImplementedError

    async def retract_node(self, node_id: str) -> None:
        """The node goes, in order."""
        raise NotImplementedError

    async def nodes(self) -> tuple[NodeStatus, ...]:
        """Those alive, by name; draining ones say so."""
        raise NotImplementedError

    async def mark_draining(self, node_id: str, is_draining: bool = True) -> NodeStatus:
        """Note that a node is to be drained, or no longer; raises UnknownNode.

        The mark stays for as long as the node lives; its status as it stands is returned.
        """
        raise NotImplementedError

    async def announce_batcher(self, status: BatcherStatus, ttl_ms: int = 5_000) -> None:
        """Tell that the batching actor is alive."""
        raise NotImplementedError

    async def retract_batcher(self, batcher_id: str) -> None:
        """The batching actor goes, in order."""
        raise NotImplementedError

    async def batchers(self) -> tuple[BatcherStatus, ...]:
        """Those alive, by name."""
        raise NotImplementedError

    async def capacity(self) -> Capacity:
        """How much room the cluster has."""
        raise NotImplementedError
