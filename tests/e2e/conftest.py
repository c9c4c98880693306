"""The whole platform with the bundled model, started once for the tests of a module."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest_asyncio

from duologue.actors.cluster import LocalCluster
from duologue.actors.foreground import development_key
from duologue.client import Client, connect
from duologue.service_settings import GatewaySettings, SessionSettings
from duologue.settings import DecodingSettings, ModelSettings, Settings


@dataclass(frozen=True)
class Platform:
    """A running platform and a key to it."""

    cluster: LocalCluster
    api_key: str

    def client(self) -> Client:
        return connect(self.cluster.address, api_key=self.api_key)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Platform]:
    """The platform, for the length of a block."""
    async with LocalCluster(settings) as cluster:
        yield Platform(cluster, await development_key(cluster.store))


def e2e_settings(**sessions: int) -> Settings:
    """Free ports, few actors, short replies, and arithmetic that does not depend on the batch.

    On a busy machine ticks are late and admission closes for a while: then sessions wait.
    """
    return replace(
        Settings(),
        model=ModelSettings(dtype="float32"),
        gateway=GatewaySettings(port=0, queue_ms=120_000),
        sessions=SessionSettings(warm_actors=2, **sessions),
        decoding=DecodingSettings(max_reply_tokens=32, reply_tokens_per_slice=1),
    )


@pytest_asyncio.fixture(scope="module")
async def platform(bundled_model_path: object) -> AsyncIterator[Platform]:
    """One batching actor, one node, sessions that fall asleep soon."""
    async with running(e2e_settings(sleep_after_ms=1_500)) as started:
        yield started
