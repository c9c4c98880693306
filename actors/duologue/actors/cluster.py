"""The whole platform, started by one program: store, Ray, batching actors, node agents, gateway."""

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from duologue.actors.gateway_child import GatewayChild
from duologue.actors.gateway_keeper import GatewayKeeper
from duologue.actors.local_ray import LOCAL_HOST, RayNode, ray_nodes, ray_session
from duologue.actors.serve_apps import running_apps, wait_ready
from duologue.actors.serve_config import app_name
from duologue.background import Background
from duologue.certificates import cluster_certificates, gateway_certificates
from duologue.configuration import with_models_beside
from duologue.errors import BatcherUnavailable, DuologueError, InvalidSetting
from duologue.settings import Settings
from duologue.store.store import Store
from duologue.store.valkey import EmbeddedValkey

if TYPE_CHECKING:
    from duologue.actors.agent_roll import AgentHandle, AgentRoll

Say = Callable[[str], None]

MODEL_WITHIN_S = 600.0
"""The bundled model may have to be prepared first."""


def _say_nothing(line: str) -> None:
    pass


@dataclass
class LocalCluster:
    """`async with LocalCluster(settings) as cluster:` runs the platform at `cluster.address`.

    On one machine it starts Ray itself; with `ray_address` it joins a cluster and starts its actors
    on all nodes, also on those that come later. Everything ends with the block, also when the start
    fails half-way; what runs on this machine ends with this process, however that ends.
    """

    settings: Settings
    ray_address: str | None = None
    with_gateway: bool = True
    batcher_resources: Mapping[str, float] = field(default_factory=dict)
    """Ray resources that a batching actor needs: what a node has once, where it is to hold one."""
    say: Say = _say_nothing
    """say(line): told how the start goes on, for people."""
    store: Store = field(init=False)
    apps: dict[str, Any] = field(init=False, default_factory=dict)
    """The Serve applications of the models, by name."""
    gateway: GatewayChild | None = field(init=False, default=None)
    _keeper: GatewayKeeper | None = field(init=False, default=None)
    _roll: "AgentRoll[AgentHandle] | None" = field(init=False, default=None)
    _background: Background = field(init=False, default_factory=Background)
    _stack: AsyncExitStack = field(init=False, default_factory=AsyncExitStack)

    @property
    def agents(self) -> list[Any]:
        """Handles of the node agents."""
        return [] if self._roll is None else [agent.actor for agent in self._roll.agents]

    @property
    def address(self) -> str:
        """Where clients come in."""
        assert self.gateway is not None, "there is no gateway"
        return self.gateway.address

    @property
    def http_address(self) -> str | None:
        """Where clients of OpenAI's API find it, if they do."""
        assert self.gateway is not None, "there is no gateway"
        return self.gateway.http_address

    async def __aenter__(self) -> Self:
        await self._stack.__aenter__()
        try:
            await self._start()
        except BaseException as error:
            if not await self._stack.__aexit__(type(error), error, error.__traceback__):
                raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.say("stopping")
        await self._stack.__aexit__(kind, error, trace)

    def nodes(self) -> list[RayNode]:
        """The nodes that are alive; those of our own Ray are all on this machine."""
        return ray_nodes(LOCAL_HOST if self.ray_address is None else None)

    async def failed(self) -> str:
        """Wait until something that the platform cannot do without cannot be kept running."""
        if self._keeper is None:
            await asyncio.Event().wait()
        assert self._keeper is not None
        return f"the gateway cannot be kept running: {await self._keeper.failed()}"

    async def _start(self) -> None:
        # What is wrong with a file is said before anything runs.
        cluster_certificates(self.settings.cluster)
        gateway_certificates(self.settings.gateway)
        await self._start_store()
        self.say("starting Ray" if self.ray_address is None else f"joining {self.ray_address}")
        self._stack.enter_context(ray_session(self.ray_address))
        await asyncio.sleep(0)  # whoever wanted to stop us meanwhile can do so now
        nodes = self.nodes()
        await self._start_models(nodes)
        await self._start_agents(nodes)
        await self._await_actors()
        if self.ray_address is not None:
            from duologue.actors.agent_roll import LOOK_EVERY_S

            self._background.repeat(LOOK_EVERY_S, self._look, "the look at the nodes")
        if self.with_gateway:
            await self._start_gateway()

    async def _start_store(self) -> None:
        url = self.settings.store.url
        if url is None and self.ray_address is not None:
            raise InvalidSetting(
                "must be set for a cluster of several machines: all of them use it",
                field="store.url",
            )
        if url is None:
            valkey = await self._stack.enter_async_context(
                EmbeddedValkey(self.settings.store.data_dir)
            )
            url = valkey.url
            self.settings = replace(self.settings, store=replace(self.settings.store, url=url))
        self.store = await self._stack.enter_async_context(
            await Store.connect(url, self.settings.store)
        )
        self.say(f"the store is {'embedded' if url.startswith('unix:') else 'connected'}")

    async def _start_models(self, nodes: list[RayNode]) -> None:
        from duologue.actors.serving import model_app

        num_gpus = 1 if any(node.num_gpus for node in nodes) else 0
        host = LOCAL_HOST if self.ray_address is None else None
        for settings in with_models_beside(self.settings):
            # Somebody waits for it, and is told at once what does not work.
            app = model_app(
                settings,
                num_gpus=num_gpus,
                resources=self.batcher_resources,
                host=host,
                attempts=1,
            )
            self.apps[app_name(settings)] = app
        await self._stack.enter_async_context(running_apps(self.apps))

    async def _start_agents(self, nodes: list[RayNode]) -> None:
        """One on each node; on a cluster, `_look` sees to those that come later."""
        from duologue.actors.agent_roll import AgentHandle, AgentRoll
        from duologue.actors.node_agent_actor import settings_digest, start_node_agent

        def start(node: RayNode) -> AgentHandle:
            return AgentHandle(start_node_agent(self.settings, node.node_id, host=node.host))

        self._roll = AgentRoll(settings_digest(self.settings), start)
        self._stack.push_async_callback(self._roll.end)
        self._stack.push_async_callback(self._background.stop)
        self._roll.start(nodes)

    async def _look(self) -> None:
        assert self._roll is not None
        await self._roll.look(await asyncio.to_thread(self.nodes))

    async def _await_actors(self) -> None:
        from ray.exceptions import RayError

        self.say(f"loading {self.settings.model.source}")
        try:
            async with asyncio.timeout(MODEL_WITHIN_S):
                await wait_ready(self.apps)
                for batcher in await self.store.batchers():
                    self.say(f"a batching actor is at {batcher.address}")
                for agent in self.agents:
                    await agent.wait_warm.remote()
                    self.say(f"a node agent is at {await agent.address.remote()}")
        except (RayError, TimeoutError) as error:
            raise BatcherUnavailable(f"an actor did not start: {_cause(error)}") from error

    async def _start_gateway(self) -> None:
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="duologue-"))
        self.gateway = GatewayChild(self.settings, Path(folder))
        self._keeper = GatewayKeeper(self.gateway, self.say)
        self._stack.push_async_callback(self._keeper.stop)
        await self._keeper.start()
        self.say(f"the gateway is at {self.gateway.address}")


def _cause(error: BaseException) -> str:
    """What is behind Ray's words: our own error, if it is one."""
    cause = getattr(error, "cause", None) or error.__cause__
    return str(cause) if isinstance(cause, DuologueError) else str(error).strip().splitlines()[-1]
