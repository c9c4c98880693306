"""The node agent as a Ray actor: one per node, named by it, and started again when it dies."""

import asyncio
import hashlib
import logging
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import ray
import uvloop
from ray.exceptions import ActorAlreadyExistsError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from duologue.actors.local_ray import NAMESPACE
from duologue.actors.node_agent import NodeAgent
from duologue.actors.ray_launcher import RayLauncher
from duologue.errors import InvalidInput
from duologue.peers import Peers
from duologue.settings import Settings
from duologue.store.store import Store
from duologue.telemetry.logs import start_logging

log = logging.getLogger(__name__)

CALL_WITHIN_S = 120.0


def settings_digest(settings: Settings) -> str:
    """Equal for equal settings, in every process."""
    return hashlib.sha256(repr(settings).encode()).hexdigest()


_Result = TypeVar("_Result")


class NodeAgentActor:
    """Ready when it is made, also when Ray makes it again: so it has a thread with an event loop of
    its own. Its session actors belong to it: Ray ends them when it ends."""

    def __init__(self, settings: Settings, host: str | None) -> None:
        """`host` is the address that gateways reach the node by; None is what Ray knows."""
        start_logging(settings.telemetry, "node-agent")
        self._settings = settings
        self._host = host or str(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
        self._loop = uvloop.new_event_loop()
        self._started: Future[NodeAgent] = Future()
        threading.Thread(target=self._run, name="node-agent", daemon=True).start()
        self._started.result(CALL_WITHIN_S)

    def address(self) -> str:
        """Where gateways reach it."""
        return self._started.result().address

    def wait_warm(self) -> None:
        """Wait for the warm pool to be full."""
        self._do(self._started.result().wait_warm())

    def digest(self) -> str:
        """Names its settings."""
        return settings_digest(self._settings)

    def drain(self, grace_ms: float) -> int:
        """Take no new sessions, and let those that are here move; returns how many there are."""
        return self._do(self._started.result().drain(grace_ms))

    def num_sessions(self) -> int:
        """Sessions that it holds."""
        return self._started.result().pool.num_bound

    def stop(self) -> None:
        """End all session actors in order."""
        self._do(self._started.result().stop())

    def process_id(self) -> int:
        """For operators and tests."""
        return os.getpid()

    def _do(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_WITHIN_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._started.set_result(self._loop.run_until_complete(self._start()))
        except BaseException as error:
            self._started.set_exception(error)
            return
        self._loop.run_forever()

    async def _start(self) -> NodeAgent:
        url = self._settings.store.url
        assert url is not None, "a node agent is told where the store is"
        store = await Store.connect(url, self._settings.store)
        node_id = ray.get_runtime_context().get_node_id()[:12]
        launcher = RayLauncher(self._settings, node_id, self._host)
        agent = NodeAgent(
            *(store, launcher, self._settings.sessions),
            node_id=node_id,
            peers=Peers.of(self._settings.cluster),
        )
        await agent.start(self._host)
        return agent


def start_node_agent(
    settings: Settings, ray_node_id: str, *, host: str | None = None, is_detached: bool = False
) -> Any:
    """Start the agent of a node; returns its handle at once.

    One that is detached outlives whoever starts it; where the node has one already, it is that.
    Otherwise that raises InvalidInput.
    """
    lasting: dict[str, Any] = {"lifetime": "detached", "get_if_exists": True} if is_detached else {}
    actor: Any = ray.remote(NodeAgentActor).options(
        name=f"node/{ray_node_id[:12]}",
        namespace=NAMESPACE,
        **lasting,
        num_cpus=0,
        max_restarts=-1,
        max_task_retries=0,
        max_concurrency=4,
        enable_task_events=False,
        scheduling_strategy=NodeAffinitySchedulingStrategy(ray_node_id, soft=False),
    )
    try:
        return actor.remote(settings, host)
    except ActorAlreadyExistsError as error:
        raise InvalidInput(
            f"node {ray_node_id[:12]} of this Ray cluster has a node agent already: a platform "
            f"runs or ran there; end the actors of the namespace {NAMESPACE!r}, or join another"
        ) from error
