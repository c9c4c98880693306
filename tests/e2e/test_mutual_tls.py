"""The whole platform with mutual TLS everywhere, and a token at its Ray."""

import asyncio
import ipaddress
import os
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
import psutil
import pytest
import pytest_asyncio

from duologue.actors.cluster import LocalCluster
from duologue.actors.foreground import development_key
from duologue.client import Client, connect
from duologue.service_settings import BatchingSettings, GatewaySettings
from tests.e2e.conftest import e2e_settings
from tests.e2e.listening import Listener
from tests.programs import running
from tests.waiting import RAY_WITHIN_S, waiting_for
from tests.wrong_peers import METHODS, NAME, Caller, Pki, is_refusal, shown_serial

pytestmark = [
    pytest.mark.xdist_group("ray"),
    pytest.mark.timeout(300),  # as in test_conversations.py
]

COMMAND = (sys.executable, "-c", "from duologue.cli.main import main; main()")
NUM_PORTS = 7
"""At the least: of the gateway, the batching actor, the metrics of both, the node agent, and two
session actors."""
OF_CLIENTS = (
    "/duologue.v1.ConversationService/Converse",
    "/duologue.v1.ConversationService/ListSessions",
    "/duologue.v1.AdminService/CreateKey",
)
OF_RAY = (
    "/ray.rpc.NodeInfoGcsService/GetAllNodeInfo",
    "/ray.rpc.NodeManagerService/GetNodeStats",
    "/ray.rpc.CoreWorkerService/GetCoreWorkerStats",
    "/ray.serve.ASGIService/HandleRequest",
)
"""Methods that its processes know, each some of them."""
RAY_CLIENT = "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False); ray.nodes()"
IMPATIENT = {
    "RAY_gcs_rpc_server_connect_timeout_s": "1",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "1",
    "RAY_gcs_server_request_timeout_seconds": "2",
}
"""A client gives up soon."""


@dataclass(frozen=True)
class Secured:
    cluster: LocalCluster
    key: str
    pki: Pki

    def client(self) -> Client:
        return connect(
            self.cluster.address,
            api_key=self.key,
            tls=self.pki.authority.certificate,
            tls_certificate=self.pki.pair.certificate,
            tls_key=self.pki.pair.key,
        )

    @property
    def environment(self) -> dict[str, str]:
        """Of commands."""
        return {
            **os.environ,
            "DUOLOGUE_ADDRESS": self.cluster.address,
            "DUOLOGUE_API_KEY": self.key,
            "DUOLOGUE_TLS_CA": str(self.pki.authority.certificate),
            "DUOLOGUE_TLS_CERTIFICATE": str(self.pki.pair.certificate),
            "DUOLOGUE_TLS_KEY": str(self.pki.pair.key),
        }


@pytest_asyncio.fixture(scope="module")
async def platform(
    bundled_model_path: object, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Secured]:
    pki = Pki.make(tmp_path_factory.mktemp("pki"))
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("RAY_AUTH_")]:
            patch.delenv(name)
        settings = replace(
            e2e_settings(),
            cluster=pki.settings,
            batching=BatchingSettings(metrics_port=0),
            gateway=GatewaySettings(
                port=0,
                queue_ms=120_000,
                metrics_port=0,
                tls_certificate=str(pki.pair.certificate),
                tls_key=str(pki.pair.key),
                tls_client_ca=str(pki.authority.certificate),
            ),
        )
        async with LocalCluster(settings) as cluster:
            yield Secured(cluster, await development_key(cluster.store), pki)


async def test_a_conversation_goes_on_while_certificates_are_renewed(platform: Secured) -> None:
    pki = platform.pki
    async with platform.client() as client, client.converse() as conversation:
        listener = Listener(conversation)
        await conversation.say("What is the capital of France?")
        assert "Paris" in await listener.until_done()
        ports = await _ports(platform)
        before = {port: await shown_serial(port, pki.member) for port in ports}
        pki.rotate("renewed")
        async with waiting_for("all ports to show the new certificate"):
            while {await shown_serial(port, pki.member) for port in ports} & {*before.values()}:
                await asyncio.sleep(0.1)
        await conversation.say("And of Italy?")
        assert "Rome" in await listener.until_done()
        assert conversation.stats.num_connections == 1
        assert listener.numbers == list(range(1, len(listener.numbers) + 1))
    async with platform.client() as client, client.converse() as conversation:
        await conversation.say("What is the capital of France?")
        assert "Paris" in await Listener(conversation).until_done()


async def test_strangers_are_refused_at_every_port(platform: Secured) -> None:
    """Whatever of ours and of Ray's listens at loopback, where all of ours does.

    Who has a certificate by the gateway's client CA may knock there, and needs a key for the rest.
    """
    ports = [port for port in _listening() if port.is_loopback]
    assert len(ports) >= NUM_PORTS
    assert {*await _ports(platform)} <= {port.address for port in ports}
    for port in ports:
        for stranger in platform.pki.strangers:
            is_client = port.address == platform.cluster.address and stranger.pair is not None
            methods = OF_CLIENTS if is_client else METHODS
            codes = await stranger.codes(port.address, methods=methods)
            assert is_refusal(codes), (stranger.who, port, codes)
            answer = await stranger.metrics(port.address)
            assert "200" not in answer, (stranger.who, port, answer)


async def test_ray_demands_its_token(platform: Secured) -> None:
    """At all interfaces of the machine, which is where it listens."""
    path = Path(os.environ["RAY_AUTH_TOKEN_PATH"])
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    nobody, ports = Caller("in clear", None), [p for p in _listening() if not p.is_loopback]
    found = {port: await nobody.codes(port.address, methods=OF_RAY) for port in ports}
    refused = [port for port, codes in found.items() if grpc.StatusCode.UNAUTHENTICATED in codes]
    assert {"gcs_server", "raylet"} <= {port.program for port in refused}
    assert grpc.StatusCode.OK not in set().union(*found.values())
    replicas = {port.program.partition(":model-")[0] for port in refused}
    assert "ray::ServeReplica" in replicas


async def test_a_ray_client_without_the_token_is_refused(platform: Secured) -> None:
    """And with it, it is not: nothing else keeps it out."""
    import ray

    address = ray.get_runtime_context().gcs_address
    own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    with_token = {name: os.environ[name] for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH")}
    for shown, is_let_in in (({}, False), (with_token, True)):
        environment = {**own, **IMPATIENT, **shown}
        command = (sys.executable, "-c", RAY_CLIENT, address)
        async with running(*command, environment=environment) as client:
            ended = await client.ended(within_s=RAY_WITHIN_S)
            assert (ended == 0) is is_let_in, client.errors
            assert ("InvalidAuthToken" in client.errors) is not is_let_in


async def test_commands_show_a_certificate(platform: Secured) -> None:
    told = {}
    batcher = (await platform.cluster.store.batchers())[0].address
    inner = (batcher, "--tls-name", NAME, "--service", "duologue.v1.BatchingService")
    questions = {
        "health": ("health", platform.cluster.address),
        "health of an inner port": ("health", *inner),
        "status": ("status", "--json"),
        "check": ("check", "--within-s", "200"),
    }
    for what, question in questions.items():
        async with running(*COMMAND, *question, environment=platform.environment) as command:
            told[what] = await command.ended(within_s=RAY_WITHIN_S), command.errors
    assert {what: code for what, (code, _) in told.items()} == dict.fromkeys(questions, 0), told
    bare = {k: v for k, v in platform.environment.items() if k != "DUOLOGUE_TLS_CERTIFICATE"}
    del bare["DUOLOGUE_TLS_KEY"]
    async with running(*COMMAND, "health", platform.cluster.address, environment=bare) as command:
        assert await command.ended(within_s=RAY_WITHIN_S) == 1


@dataclass(frozen=True)
class Port:
    """Something listens there."""

    program: str
    address: str
    is_loopback: bool


def _listening() -> list[Port]:
    """All TCP ports of the processes that this one has started."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            for each in process.net_connections("tcp"):
                if each.status != psutil.CONN_LISTEN:
                    continue
                ip = ipaddress.ip_address(each.laddr.ip)
                ip = getattr(ip, "ipv4_mapped", None) or ip
                where = "127.0.0.1" if ip.is_unspecified else str(ip)
                found.add(Port(process.name(), f"{where}:{each.laddr.port}", ip.is_loopback))
    return sorted(found, key=lambda port: port.address)


async def _ports(platform: Secured) -> tuple[str, ...]:
    """The gateway's, and the inner ones that are announced."""
    store = platform.cluster.store
    batchers, nodes = await store.batchers(), await store.nodes()
    inner = (*(each.address for each in batchers), *(each.address for each in nodes))
    return (platform.cluster.address, *inner)
