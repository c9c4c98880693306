"""A gateway and a node whose store is a cluster, or what sentinels name."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from duologue.actors.gateway_child import GatewayChild
from duologue.client import ResponseDone, connect
from duologue.service_settings import GatewaySettings, StoreSettings, TelemetrySettings
from duologue.settings import Settings
from tests.gateway.scripted import ScriptedNode
from tests.store.raw_cluster import RawCluster
from tests.store.raw_sentinels import RawSentinels
from tests.waiting import waiting_for


@pytest.fixture(params=[RawCluster, RawSentinels])
def store_settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoreSettings]:
    servers = request.param(tmp_path / "store")
    asyncio.run(servers.start())
    try:
        yield StoreSettings(url=servers.url)
    finally:
        asyncio.run(servers.stop())


async def test_a_conversation(
    store_settings: StoreSettings, scripted: ScriptedNode, key: str, tmp_path: Path
) -> None:
    """By a gateway as a process of its own, which reads the URL in its settings' file."""
    settings = Settings(
        store=store_settings,
        gateway=GatewaySettings(port=0),
        telemetry=TelemetrySettings(trace_dir=str(tmp_path / "traces")),
    )
    child = GatewayChild(settings, tmp_path)
    try:
        await child.start()
        async with connect(child.address, api_key=key) as client:
            async with client.converse() as conversation:
                await conversation.append("hello")
                async with waiting_for("the end of a response"):
                    async for event in conversation:
                        if isinstance(event, ResponseDone):
                            break
            assert conversation.stats.num_connections == 1
    finally:
        await child.stop()
