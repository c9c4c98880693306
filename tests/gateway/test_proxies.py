"""Proxy variables in the environment: what stays on this machine or in the cluster goes past them.

The gateway stands in front of real sessions and a real batching actor; only Ray is left out.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from duologue.actors.batcher_client import describe
from duologue.actors.node_agent import NodeAgent
from duologue.client import ResponseDone, SessionConfig, connect
from duologue.errors import BatcherUnavailable
from duologue.gateway.channels import Channels
from duologue.gateway.server import serving
from duologue.proxies import keep_local
from duologue.service_settings import GatewaySettings, TelemetrySettings
from duologue.states import State
from duologue.store.valkey import EmbeddedValkey
from duologue.telemetry.tracing import Tracing
from duologue.tenants import Tenant
from duologue.v1 import node_pb2
from duologue.v1.node_pb2_grpc import NodeServiceStub
from tests.actors.premises import TENANT, Premises
from tests.gateway.test_real_sessions import Building
from tests.programs import running
from tests.proxy_sink import ProxySink, swallowing
from tests.waiting import waiting_for

ELSEWHERE = "198.51.100.7"
"""Nobody has this address: it is kept for texts like this one."""
COMMAND = (sys.executable, "-c", "from duologue.cli.main import main; main()")


@pytest.fixture(scope="module")
def valkey() -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey()
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture
async def sink(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ProxySink]:
    async with swallowing(monkeypatch) as sink:
        yield sink


@pytest.fixture
async def address(
    tmp_path: Path, valkey: EmbeddedValkey, sink: ProxySink
) -> AsyncIterator[tuple[str, str]]:
    """Of a gateway with everything behind it, and a key."""
    async with AsyncExitStack() as stack:
        premises = Premises(tmp_path, valkey.url, stack)
        await premises.open()
        premises.dictate(State.QUERY)
        building = Building([await premises.server()])
        sessions = replace(premises.settings.sessions, warm_actors=1)
        agent = NodeAgent(premises.store, building, sessions, node_id="here")
        await agent.start()
        stack.push_async_callback(agent.stop)
        await premises.store.put_tenant(Tenant(TENANT))
        key = (await premises.store.create_key(TENANT)).key
        settings = replace(premises.settings, gateway=GatewaySettings(port=0))
        gateway = await stack.enter_async_context(serving(settings, premises.store))
        yield gateway.address, key


async def test_a_conversation_on_this_machine_goes_past_the_proxy(
    address: tuple[str, str], sink: ProxySink
) -> None:
    where, key = address
    async with (
        waiting_for("a reply", lambda: sink.asked),
        connect(where, api_key=key) as client,
        client.converse(SessionConfig()) as conversation,
    ):
        await conversation.append("what is it?")
        await conversation.commit()
        async for event in conversation:
            if isinstance(event, ResponseDone):
                break
    assert sink.asked == []


async def test_the_health_command_goes_past_the_proxy(
    address: tuple[str, str], sink: ProxySink
) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DUOLOGUE_")}
    async with running(*COMMAND, "health", address[0], environment=environment) as program:
        assert await program.ended() == 0, program.errors
    assert sink.asked == []


async def test_the_cluster_is_never_looked_for_behind_a_proxy(sink: ProxySink) -> None:
    """Its nodes have addresses of any kind, which only the store knows."""
    with pytest.raises(BatcherUnavailable):
        await describe(f"{ELSEWHERE}:9", within_s=1.0)
    channels = Channels()
    async with channels.use(f"{ELSEWHERE}:9") as channel:
        with pytest.raises(grpc.aio.AioRpcError):
            await NodeServiceStub(channel).Bind(node_pb2.BindRequest(), timeout=1.0)
    await channels.aclose()
    assert sink.asked == []


async def test_a_platform_elsewhere_is_reached_by_the_proxy(sink: ProxySink) -> None:
    async with connect(f"{ELSEWHERE}:50051", api_key="duo_a_b") as client:
        talking = asyncio.ensure_future(client.get_session("ses_1"))
        await sink.until_asked_for(f"{ELSEWHERE}:50051")
        talking.cancel()
        await asyncio.wait({talking})


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_spans_for_a_collector_on_this_machine_go_past_the_proxy(
    sink: ProxySink, host: str
) -> None:
    came = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        came.set()
        writer.close()

    collector = await asyncio.start_server(take, "127.0.0.1", 0)
    port = collector.sockets[0].getsockname()[1]
    endpoint = f"http://{host}:{port}"
    tracing = Tracing.start(TelemetrySettings(otlp_endpoint=endpoint), "test")
    tracing.record("a span", 0.0, 1.0)
    ending = asyncio.ensure_future(asyncio.to_thread(tracing.shutdown))
    async with waiting_for("a span at the collector", lambda: sink.asked):
        await came.wait()
    await ending
    collector.close()
    assert sink.asked == []


@pytest.mark.usefixtures("sink")
def test_processes_that_are_started_are_told_what_is_near() -> None:
    """Of whatever library: what they inherit names the hosts that no proxy is for."""
    environment = {"https_proxy": "http://proxy:3128", "no_proxy": "example.com"}
    keep_local(environment, "10.0.0.7")
    assert environment["no_proxy"].split(",") == [
        "example.com",
        "localhost",
        "127.0.0.1",
        "::1",
        "10.0.0.7",
    ]
    assert environment["NO_PROXY"] == environment["no_proxy"]
    keep_local(environment, "10.0.0.7")
    assert environment["no_proxy"].count("10.0.0.7") == 1
    untouched = {"PATH": "/bin"}
    keep_local(untouched, "10.0.0.7")
    assert untouched == {"PATH": "/bin"}
