"""Mutual TLS between client, gateway, node agent, session actor and batching actor: real sockets,
and real actors in this process."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import grpc
import pytest
from prometheus_client import CollectorRegistry

from duologue import certificates
from duologue.actors.node_agent import NodeAgent
from duologue.client import Client, InvalidRequest, ResponseDone, Unreachable, connect
from duologue.cluster_settings import ClusterSettings
from duologue.errors import InvalidSetting
from duologue.gateway.channels import Channels
from duologue.gateway.server import Gateway, serving
from duologue.peers import Peers
from duologue.service_settings import GatewaySettings
from duologue.states import State
from duologue.store.valkey import EmbeddedValkey
from duologue.telemetry.metrics import GatewayMetrics, MetricsPort
from duologue.telemetry.metrics_readers import MetricsReaders
from duologue.tenants import Tenant
from duologue.v1 import node_pb2
from duologue.v1.node_pb2_grpc import NodeServiceStub
from tests.actors.premises import TENANT, Premises
from tests.certificates import Authority, Pair
from tests.gateway.test_real_sessions import Building
from tests.waiting import waiting_for
from tests.wrong_peers import Caller, Pki, is_refusal, shown_serial


@pytest.fixture(scope="module")
def valkey() -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey()
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture
def pki(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pki:
    """Its files are looked at whenever they are needed."""
    monkeypatch.setattr(certificates, "LOOK_EVERY_MS", 0.0)
    return Pki.make(tmp_path)


@dataclass(frozen=True)
class House:
    """All components, and a client's certificate."""

    premises: Premises
    agent: NodeAgent
    building: Building
    gateway: Gateway
    key: str
    ca: Path
    shown: Pair

    def client(self) -> Client:
        return connect(
            self.gateway.address,
            api_key=self.key,
            tls=self.ca,
            tls_certificate=self.shown.certificate,
            tls_key=self.shown.key,
        )

    @property
    def inner_ports(self) -> tuple[str, ...]:
        sessions = [server.address for server in self.building.servers]
        return (self.agent.address, self.premises.batchers[0].address, *sessions)


@pytest.fixture
async def house(pki: Pki, tmp_path: Path, valkey: EmbeddedValkey) -> AsyncIterator[House]:
    ca, certificate, key = pki.authority.certificate, pki.pair.certificate, pki.pair.key
    async with AsyncExitStack() as stack:
        premises = Premises(tmp_path, valkey.url, stack)
        await premises.open(cluster=pki.settings)
        premises.dictate(State.QUERY)
        building = Building([await premises.server() for _ in range(2)])
        warm = replace(premises.settings.sessions, warm_actors=1)
        peers = Peers.of(pki.settings)
        agent = NodeAgent(premises.store, building, warm, node_id="here", peers=peers)
        await agent.start()
        stack.push_async_callback(agent.stop)
        await premises.store.put_tenant(Tenant(TENANT))
        made = await premises.store.create_key(TENANT)
        door = GatewaySettings(
            port=0, tls_certificate=str(certificate), tls_key=str(key), tls_client_ca=str(ca)
        )
        settings = replace(premises.settings, gateway=door)
        gateway = await stack.enter_async_context(
            serving(settings, premises.store, random=Random(1))
        )
        shown = pki.authority.sign("caller", "DNS:caller.example")
        yield House(premises, agent, building, gateway, made.key, ca, shown)


async def test_a_conversation_goes_on_while_certificates_are_renewed(
    house: House, pki: Pki
) -> None:
    async with house.client() as client, client.converse() as conversation:
        await conversation.say("what is it?")
        await _answered(conversation)
        ports = (house.gateway.address, *house.inner_ports)
        before = [await shown_serial(port, pki.member) for port in ports]
        pki.rotate("renewed")
        after = [await shown_serial(port, pki.member) for port in ports]
        assert len({*before}) == len({*after}) == 1
        assert before != after
        await conversation.say("and what else is it?")
        await _answered(conversation)
        assert conversation.stats.num_connections == 1
        async with client.converse() as another:  # which is bound by what is new
            await another.say("what is it?")
            await _answered(another)


async def test_channels_are_made_anew_once_certificates_are_renewed(pki: Pki) -> None:
    channels = Channels(Peers.of(pki.settings))
    async with channels.use("127.0.0.1:1") as first:
        async with channels.use("127.0.0.1:1") as same:
            assert same is first
        pki.rotate("renewed")
        async with channels.use("127.0.0.1:1") as second:
            assert second is not first
        assert first.get_state() is not grpc.ChannelConnectivity.SHUTDOWN  # it is in use
    assert first.get_state() is grpc.ChannelConnectivity.SHUTDOWN
    assert second.get_state() is not grpc.ChannelConnectivity.SHUTDOWN
    await channels.aclose()
    assert second.get_state() is grpc.ChannelConnectivity.SHUTDOWN


async def test_who_is_not_of_the_cluster_is_refused_at_every_port(house: House, pki: Pki) -> None:
    for port in house.inner_ports:
        assert not is_refusal(await pki.member.codes(port))
        for stranger in pki.strangers:
            assert is_refusal(await stranger.codes(port)), (stranger.who, port)


async def test_a_gateway_asks_clients_for_a_certificate(house: House, pki: Pki) -> None:
    """Any of its client CA, whatever the name; what they may do is the API key's business."""
    in_clear, without, alien, other_name = pki.strangers
    for stranger in (in_clear, without, alien):
        assert await stranger.codes(house.gateway.address, "127.0.0.1") == {
            grpc.StatusCode.UNAVAILABLE
        }
    welcome = await other_name.codes(house.gateway.address, "127.0.0.1")
    assert grpc.StatusCode.OK in welcome
    async with connect(house.gateway.address, api_key=house.key, tls=house.ca) as nobody:
        with pytest.raises(Unreachable):
            await nobody.list_sessions()


async def test_a_server_that_is_not_of_the_cluster_is_not_spoken_to(pki: Pki) -> None:
    """Whatever address was announced."""
    peers = Peers.of(pki.settings)
    wrong = pki.authority.sign("impostor", "DNS:elsewhere.internal,IP:127.0.0.1")
    false = (str(wrong.certificate), str(wrong.key), str(pki.authority.certificate))
    impostor = Peers.of(ClusterSettings(*false, "elsewhere.internal"))
    server = impostor.server(())
    port = impostor.listen(server, "127.0.0.1:0")
    await server.start()
    async with peers.channel(f"127.0.0.1:{port}", ()) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async with waiting_for("a refusal"):
                await NodeServiceStub(channel).Bind(node_pb2.BindRequest())
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    await server.stop(None)


async def test_metrics_are_for_the_cluster_and_for_prometheus(pki: Pki) -> None:
    settings = replace(pki.settings, metrics_name="prometheus.internal")
    readers = MetricsReaders.of(settings)
    assert readers is not None
    port = MetricsPort(GatewayMetrics(CollectorRegistry()).registry, "127.0.0.1", 0, readers)
    address, ca = f"127.0.0.1:{port.port}", pki.authority.certificate
    try:
        prometheus = Caller("Prometheus", ca, pki.authority.sign("p", "DNS:prometheus.internal"))
        for reader in (pki.member, prometheus):
            assert await reader.metrics(address) == "HTTP/1.0 200 OK"
        found = {stranger.who: await stranger.metrics(address) for stranger in pki.strangers}
        before = await shown_serial(address, pki.member)
        pki.rotate("renewed")
        assert await shown_serial(address, pki.member) != before
    finally:
        port.close()
    assert found == {
        "in clear": "",
        "without a certificate": "",
        "with another CA's": "",
        "with another name": "HTTP/1.0 403 Forbidden",
    }


async def test_a_reader_of_metrics_may_do_nothing_else(house: House, pki: Pki) -> None:
    reader = Caller(
        "Prometheus", house.ca, pki.authority.sign("prometheus", "DNS:prometheus.internal")
    )
    for port in house.inner_ports:
        assert is_refusal(await reader.codes(port))


async def test_a_socket_of_unix_is_its_users_alone(pki: Pki, tmp_path: Path) -> None:
    path = tmp_path / "b.sock"
    peers = Peers.of(pki.settings)
    server = peers.server(())
    peers.listen(server, f"unix:{path}")
    assert path.stat().st_mode & 0o777 == 0o600
    await server.stop(None)


def test_bad_files_are_named_before_anything_starts(pki: Pki) -> None:
    pki.pair.key.write_text("nothing")
    with pytest.raises(InvalidSetting, match=r"cluster\.key must be a PEM file with a key"):
        Peers.of(pki.settings)


async def test_a_client_is_told_what_is_wrong_with_its_certificate(
    pki: Pki, tmp_path: Path
) -> None:
    other = Authority.make(tmp_path / "third").sign("other")
    shown, ca = pki.pair, pki.authority.certificate
    with pytest.raises(InvalidRequest, match="tls_key must be the key of the certificate"):
        connect("a:1", tls=ca, tls_certificate=shown.certificate, tls_key=other.key)
    with pytest.raises(InvalidRequest, match="must be given together"):
        connect("a:1", tls=ca, tls_certificate=shown.certificate)
    with pytest.raises(InvalidRequest, match="with what is to be trusted"):
        connect("a:1", tls_certificate=shown.certificate, tls_key=shown.key)


async def _answered(conversation: object) -> None:
    async with waiting_for("the end of a reply"):
        async for event in conversation:  # type: ignore[attr-defined]
            if isinstance(event, ResponseDone):
                return
    raise AssertionError("the conversation ended")
