"""Real sessions and a real batching actor with a tiny model, behind a gateway with all doors.

Only Ray is left out: the node agent's actors live in this process.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from openai import AsyncOpenAI

from duologue.actors.launching import ActorHandle
from duologue.actors.node_agent import NodeAgent
from duologue.gateway.server import Gateway, serving
from duologue.service_settings import GatewaySettings
from duologue.states import State
from duologue.tenants import Tenant
from tests.actors.premises import TENANT, Premises
from tests.gateway.test_real_sessions import InProcess

MODEL = "tiny"


class Actors:
    """Makes a session actor whenever one is wanted."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises

    async def launch(self) -> ActorHandle:
        return InProcess(await self._premises.server())


@dataclass(frozen=True)
class House:
    """All of it, and a key."""

    premises: Premises
    gateway: Gateway
    key: str

    @property
    def url(self) -> str:
        """Where OpenAI's API is."""
        return f"http://{self.gateway.http_address}/v1"

    def openai(self, key: str | None = None) -> AsyncOpenAI:
        """The official client, which asks once."""
        return AsyncOpenAI(base_url=self.url, api_key=key or self.key, max_retries=0)


@asynccontextmanager
async def house(
    folder: Path,
    store_url: str,
    *,
    max_reply_tokens: int = 24,
    write: Callable[[Path], Path] | None = None,
    **gateway: Any,
) -> AsyncIterator[House]:
    """It stands for as long as the block; whatever is said in it is a query."""
    async with AsyncExitStack() as stack:
        premises = Premises(
            folder, store_url, stack, max_reply_tokens=max_reply_tokens, write=write
        )
        await premises.open()
        premises.dictate(State.QUERY)
        sessions = replace(premises.settings.sessions, warm_actors=2)
        agent = NodeAgent(premises.store, Actors(premises), sessions, node_id="here")
        await agent.start()
        stack.push_async_callback(agent.stop)
        await premises.store.put_tenant(Tenant(TENANT))
        key = (await premises.store.create_key(TENANT)).key
        settings = replace(
            premises.settings, gateway=GatewaySettings(port=0, http_port=0, **gateway)
        )
        door = serving(settings, premises.store, random=Random(1))
        yield House(premises, await stack.enter_async_context(door), key)
