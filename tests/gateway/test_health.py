"""Health by service, reflection by flag, TLS, and the word to go away."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection_pb2 as refl  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection_pb2_grpc

from duologue.errors import CapacityExceeded, DuologueError, InvalidSetting, StoreUnavailable
from duologue.gateway.health import Health
from duologue.gateway.server import Gateway
from duologue.store.store import Store
from tests.certificates import make_certificate
from tests.gateway.conftest import Serve
from tests.gateway.scripted import ScriptedNode
from tests.gateway.talking import Api, api, details, failure
from tests.waiting import waiting_for

READINESS = "duologue.v1.ConversationService"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def _status(channel: grpc.aio.Channel, service: str) -> Any:
    stub = health_pb2_grpc.HealthStub(channel)
    return (await stub.Check(health_pb2.HealthCheckRequest(service=service))).status


async def test_health_needs_no_key(client: Api) -> None:
    assert await _status(client.channel, "") == SERVING
    assert await _status(client.channel, READINESS) == SERVING
    assert await _status(client.channel, "duologue.v1.AdminService") == SERVING


@pytest.mark.parametrize("cause", [StoreUnavailable, CapacityExceeded])
async def test_without_a_store_it_is_alive_and_not_ready(
    store: Store, monkeypatch: pytest.MonkeyPatch, cause: type[DuologueError]
) -> None:
    health = Health(store)
    await health.start()
    assert await _told(health, READINESS) == SERVING

    async def gone() -> None:
        raise cause("the store does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(store, "nodes", gone)
        await health.check()
        assert await _told(health, READINESS) == NOT_SERVING
        assert await _told(health, "") == SERVING
    await health.check()
    assert await _told(health, READINESS) == SERVING


async def _told(health: Health, service: str) -> Any:
    request = health_pb2.HealthCheckRequest(service=service)
    return (await health.servicer.Check(request, None)).status


async def test_draining(gateway: Gateway, client: Api) -> None:
    talk = await client.started()
    draining = asyncio.create_task(gateway.drain(600_000))
    notice = await talk.until_kind("go_away")
    assert notice.go_away.time_left.ToSeconds() == 600
    assert await _status(client.channel, READINESS) == NOT_SERVING
    assert await _status(client.channel, "") == SERVING
    # What is open goes on; what is new goes elsewhere.
    await talk.say("still here")
    await talk.until_done(1)
    error = await failure(client.converse())
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert details(error)["ErrorInfo"].reason == "DRAINING"  # type: ignore[attr-defined]
    await talk.call.done_writing()
    await talk.rest()
    async with waiting_for("the end of draining"):
        await draining


async def test_the_end_of_draining(gateway: Gateway, client: Api) -> None:
    talk = await client.started()
    await gateway.drain(0)
    error = await failure(talk)
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert "go_away" in talk.kinds


@pytest.mark.parametrize("is_on", [True, False])
async def test_reflection_by_flag(serve: Serve, is_on: bool) -> None:
    async with serve(reflection=is_on) as gateway, api(gateway.address, None) as client:
        stub = reflection_pb2_grpc.ServerReflectionStub(client.channel)
        call = stub.ServerReflectionInfo()
        if not is_on:
            # Nothing is written: to a write that comes behind the refusal, gRPC may answer with an
            # internal error of its own.
            async with waiting_for("the refusal"):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call.read()
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
            return
        async with waiting_for("the names of the services"):
            await call.write(refl.ServerReflectionRequest(list_services=""))
            answer = await call.read()
        names = {each.name for each in answer.list_services_response.service}
        assert {READINESS, "duologue.v1.AdminService", "grpc.health.v1.Health"} <= names
        call.cancel()


async def test_a_port_that_is_taken(serve: Serve, gateway: Gateway) -> None:
    port = int(gateway.address.rpartition(":")[2])
    with pytest.raises(InvalidSetting, match=r"gateway\.port must be free"):
        async with serve(port=port):
            pass


async def test_keys_that_cannot_be_read(serve: Serve) -> None:
    with pytest.raises(InvalidSetting, match=r"gateway\.tls_key"):
        async with serve(tls_key="/nowhere/key", tls_certificate="/nowhere/certificate"):
            pass


async def test_tls(serve: Serve, scripted: ScriptedNode, key: str, tmp_path: Path) -> None:
    certificate, secret = make_certificate(tmp_path)
    async with serve(tls_certificate=str(certificate), tls_key=str(secret)) as gateway:
        credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
        async with grpc.aio.secure_channel(gateway.address, credentials) as channel:
            talk = await Api(channel, key).started()
            await talk.say("in private")
            await talk.until_done(1)
