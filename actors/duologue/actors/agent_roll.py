"""The node agents of a cluster: one on each node, also on those that come, with the same settings.

The node keeper has it on clusters that Serve deploys to, and `duologue up` on those that it joins.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

import ray
from ray.exceptions import RayError

from duologue.actors.local_ray import RayNode

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
DRAIN_GRACE_MS = 30_000.0
DRAINED_WITHIN_S = 60.0
"""For sessions to leave a node whose agent is replaced; then they are brought to life elsewhere."""
ANSWER_WITHIN_S = 10.0
"""For an agent whose node may be gone: until Ray has noticed that, a call waits."""


class Agent(Protocol):
    """An agent from afar. Every method may raise RayError: then it is gone, or comes back."""

    async def digest(self) -> str: ...
    async def drain(self, grace_ms: float) -> int: ...
    async def num_sessions(self) -> int: ...
    async def end(self) -> None: ...


AnyAgent = TypeVar("AnyAgent", bound=Agent)


class AgentHandle:
    """Calls of the actor."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor

    async def digest(self) -> str:
        return str(await self.actor.digest.remote())

    async def drain(self, grace_ms: float) -> int:
        return int(await self.actor.drain.remote(grace_ms))

    async def num_sessions(self) -> int:
        return int(await self.actor.num_sessions.remote())

    async def end(self) -> None:
        with suppress(RayError, TimeoutError):
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await self.actor.stop.remote()
        with suppress(RayError):
            ray.kill(self.actor)


class AgentRoll(Generic[AnyAgent]):
    """The agents by node. One at a time is replaced, so that its sessions find a place."""

    def __init__(
        self,
        digest: str,
        start: Callable[[RayNode], AnyAgent],
        *,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        """`digest` names the settings that agents should have."""
        self._digest = digest
        self._start = start
        self._look_every_s = look_every_s
        self._agents: dict[str, AnyAgent] = {}
        self._checked: set[str] = set()

    @property
    def agents(self) -> tuple[AnyAgent, ...]:
        """Those that there are."""
        return tuple(self._agents.values())

    def start(self, nodes: Sequence[RayNode]) -> None:
        """Have an agent begin on each of these nodes that has none."""
        for node in nodes:
            if node.node_id not in self._agents:
                self._agents[node.node_id] = self._start(node)

    async def look(self, nodes: Sequence[RayNode]) -> None:
        """See to it that these nodes, and no others, have an agent with these settings."""
        there = {node.node_id: node for node in nodes}
        for node_id in self._agents.keys() - there.keys():
            log.info("the node %s is gone", node_id[:12])
            self._checked.discard(node_id)
            await self._agents.pop(node_id).end()
        self.start(nodes)
        for node_id, node in there.items():
            if node_id not in self._checked:
                await self._check(node)

    async def end(self) -> None:
        """End all of them, at once."""
        agents, self._agents = self._agents, {}
        await asyncio.gather(*(agent.end() for agent in agents.values()))

    async def _check(self, node: RayNode) -> None:
        agent = self._agents[node.node_id]
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                is_current = await agent.digest() == self._digest
        except (RayError, TimeoutError) as error:  # it is started again, or its node is gone
            log.info("the agent of %s does not answer: %r", node.node_id[:12], error)
            return
        if not is_current:
            log.info("the agent of %s is replaced", node.node_id[:12])
            await self._empty(agent)
            await agent.end()
            self._agents[node.node_id] = self._start(node)
            return  # looked at next time: the name may still have been the old one's
        self._checked.add(node.node_id)

    async def _empty(self, agent: Agent) -> None:
        with suppress(RayError, TimeoutError):
            async with asyncio.timeout(DRAINED_WITHIN_S):
                await agent.drain(DRAIN_GRACE_MS)
                while await agent.num_sessions():
                    await asyncio.sleep(self._look_every_s / 10)
