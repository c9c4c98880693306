"""Keeps a node agent on every node that is for sessions: on those that come, and with new settings.

A Serve deployment of one replica. Agents outlive it: its end, or its replacement, disturbs nobody.
"""

import asyncio

from duologue.actors.agent_roll import LOOK_EVERY_S, AgentHandle, AgentRoll
from duologue.actors.local_ray import RayNode, ray_nodes
from duologue.actors.node_agent_actor import settings_digest, start_node_agent
from duologue.background import Background
from duologue.settings import Settings


class NodeKeeper:
    """The deployment's class."""

    def __init__(self, settings: Settings, resource: str) -> None:
        """Nodes with that Ray resource are for sessions."""

        def start(node: RayNode) -> AgentHandle:
            actor = start_node_agent(settings, node.node_id, host=node.host, is_detached=True)
            return AgentHandle(actor)

        self._resource = resource
        self._roll = AgentRoll(settings_digest(settings), start)
        self._looking = asyncio.Lock()
        self._background = Background()
        self._background.start(self._look(), "the first look at the nodes")
        self._background.repeat(LOOK_EVERY_S, self._look, "the look at the nodes")

    async def _look(self) -> None:
        async with self._looking:  # a look may take longer than the pause between two
            found = await asyncio.to_thread(ray_nodes)
            await self._roll.look([node for node in found if self._resource in node.resources])
