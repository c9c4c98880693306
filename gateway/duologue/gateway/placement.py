"""Which node is asked to take a session."""

from collections.abc import Collection, Sequence
from random import Random

from duologue.cluster_status import NodeStatus


def by_load(
    nodes: Sequence[NodeStatus], random: Random, *, passed_over: Collection[str] = ()
) -> list[NodeStatus]:
    """Nodes with room, the least loaded first; equally loaded ones in random order."""
    open_nodes = [node for node in nodes if node.room > 0 and node.node_id not in passed_over]
    random.shuffle(open_nodes)
    return sorted(open_nodes, key=lambda node: node.sessions / node.max_sessions)
