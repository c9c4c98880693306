"""Keeps a node agent on every node that is for sessions: on those that come, and with new settings.

A Serve deployment of one replica. Agents outlive it: its end, or its replacement, disturbs nobody.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

import ray
from ray.exceptions import RayError

from duologue.actors.local_ray import RayNode, ray_nodes
from duologue.actors.node_agent_actor import settings_digest, start_node_agent
from duologue.background import Background
from duologue.settings import Settings

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
DRAIN_GRACE_MS = 30_000.0
DRAINED_WITHIN_S = 60.0
"""For sessions to leave a node whose agent is replaced; then they are brought to life elsewhere."""


CALL_WITHIN_S = 30.0
"""Calls of an actor whose node is dead wait for ever: Ray starts it again on no other."""

GONE = (RayError, TimeoutError)


class Agent(Protocol):
    """An agent from afar. What is awaited may raise one of `GONE`: it is gone, or comes back."""

    async def digest(self) -> str: ...
    async def drain(self, grace_ms: float) -> int: ...
    async def num_sessions(self) -> int: ...
    async def stop(self) -> None: ...
    def kill(self) -> None: ...


class AgentHandle:
    """Calls of the actor."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    async def digest(self) -> str:
        return str(await _answer(self._actor.digest.remote()))

    async def drain(self, grace_ms: float) -> int:
        return int(await _answer(self._actor.drain.remote(grace_ms)))

    async def num_sessions(self) -> int:
        return int(await _answer(self._actor.num_sessions.remote()))

    async def stop(self) -> None:
        await _answer(self._actor.stop.remote())

    def kill(self) -> None:
        with suppress(RayError):
            ray.kill(self._actor)


async def _answer(reference: Awaitable[Any]) -> Any:
    async with asyncio.timeout(CALL_WITHIN_S):
        return await reference


class AgentRoll:
    """The agents by node. One at a time is replaced, so that its sessions find a place."""

    def __init__(
        self, digest: str, start: Callable[[RayNode], Agent], *, look_every_s: float = LOOK_EVERY_S
    ) -> None:
        """`digest` names the settings that agents should have."""
        self._digest = digest
        self._start = start
        self._look_every_s = look_every_s
        self._agents: dict[str, Agent] = {}
        self._checked: set[str] = set()

    async def look(self, nodes: Sequence[RayNode]) -> None:
        """See to it that these nodes, and no others, have an agent with these settings."""
        there = {node.node_id: node for node in nodes}
        for node_id in self._agents.keys() - there.keys():
            log.info("the node %s is gone", node_id[:12])
            self._checked.discard(node_id)
            self._agents.pop(node_id).kill()
        for node_id, node in there.items():
            if node_id not in self._agents:
                self._agents[node_id] = self._start(node)
        for node_id, node in there.items():
            if node_id not in self._checked:
                await self._check(node)

    async def _check(self, node: RayNode) -> None:
        agent = self._agents[node.node_id]
        try:
            is_current = await agent.digest() == self._digest
        except GONE as error:  # Ray starts it again, or the node is found to be gone
            log.info("the agent of %s does not answer: %s", node.node_id[:12], error)
            return
        if not is_current:
            log.info("the agent of %s is replaced", node.node_id[:12])
            await self._empty(agent)
            agent.kill()
            self._agents[node.node_id] = self._start(node)
            return  # looked at next time: the name may still have been the old one's
        self._checked.add(node.node_id)

    async def _empty(self, agent: Agent) -> None:
        with suppress(*GONE):
            async with asyncio.timeout(DRAINED_WITHIN_S):
                await agent.drain(DRAIN_GRACE_MS)
                while await agent.num_sessions():
                    await asyncio.sleep(self._look_every_s / 10)
        with suppress(*GONE):
            await agent.stop()


class NodeKeeper:
    """The deployment's class."""

    def __init__(self, settings: Settings, resource: str) -> None:
        """Nodes with that Ray resource are for sessions."""

        def start(node: RayNode) -> Agent:
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
