"""Session actors as Ray actors on the node of whoever launches them; they end with it."""

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, TypeVar

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from duologue.actors.launching import ActorLost
from duologue.actors.ray_deaths import reason_of
from duologue.actors.session_actor import SessionActor
from duologue.actors.session_server import Bound, Ended
from duologue.errors import DuologueError
from duologue.settings import Settings

log = logging.getLogger(__name__)

START_WITHIN_S = 120.0
STOP_WITHIN_S = 5.0

_Result = TypeVar("_Result")


class RayActorHandle:
    """Calls of the actor; what Ray says of its death becomes ActorLost."""

    def __init__(self, actor: Any, address: str) -> None:
        self.actor = actor
        self.address = address

    async def bind(self, tenant_id: str, session_id: str, known_epoch: int) -> Bound:
        asked = self.actor.bind.remote(tenant_id, session_id, known_epoch)
        told: Bound | DuologueError = await answer(asked)
        if isinstance(told, DuologueError):
            raise told
        return told

    async def next_end(self) -> Ended:
        ended: Ended = await answer(self.actor.next_end.remote())
        return ended

    async def release(self, grace_ms: float, reason: str) -> None:
        await answer(self.actor.release.remote(grace_ms, reason))

    async def end(self) -> None:
        with suppress(ActorLost, TimeoutError):
            async with asyncio.timeout(STOP_WITHIN_S):
                await answer(self.actor.stop.remote())
        with suppress(RayError):
            ray.kill(self.actor)


class RayLauncher:
    """Needs no CPU resource: how many there may be is the pool's matter."""

    def __init__(self, settings: Settings, node_id: str, host: str) -> None:
        self._arguments = settings, node_id, host

    async def launch(self) -> RayActorHandle:
        here = ray.get_runtime_context().get_node_id()
        actor: Any = (
            ray.remote(SessionActor)
            .options(
                num_cpus=0,
                max_restarts=0,
                max_task_retries=0,
                enable_task_events=False,
                scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=False),
            )
            .remote(*self._arguments)
        )
        try:
            async with asyncio.timeout(START_WITHIN_S):
                return RayActorHandle(actor, await answer(actor.start.remote()))
        except BaseException as error:
            ray.kill(actor)
            if not isinstance(error, TimeoutError):
                raise
            raise ActorLost(f"a session actor did not start within {START_WITHIN_S:g} s") from None


async def answer(reference: Awaitable[_Result]) -> _Result:
    """What an actor answers; raises ActorLost, with the reason, if it is gone."""
    try:
        return await reference
    except RayError as error:
        raise ActorLost(f"the session actor is gone: {reason_of(error)}") from error
