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
from duologue.gateway import server as server_module
from duologue.gateway.health import GatewayHealth
from duologue.gateway.server import Gateway
from duologue.health_board import MAX_WATCHERS
from duologue.store.store import Store
from tests.certificates import make_certificate
from tests.frugal_client import frugal_client
from tests.gateway.conftest import Serve
from tests.gateway.scripted import ScriptedNode
from tests.gateway.talking import Api, api, details, failure
from tests.waiting import waiting_for

WATCH = "/grpc.health.v1.Health/Watch"
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
    health = GatewayHealth(store)
    await health.start()
    assert health.board.told(READINESS)

    async def gone() -> None:
        raise cause("the store does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(store, "nodes", gone)
        await health.check()
        assert not health.board.told(READINESS)
        assert health.board.told("")
    await health.check()
    assert health.board.told(READINESS)


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
    with pytest.raises(
        InvalidSetting, match=r"gateway\.tls_certificate must be a file that can be read"
    ):
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


async def test_who_watches_and_reads_nothing_holds_up_nobody(serve: Serve) -> None:
    async with (
        serve() as gateway,
        api(gateway.address, None) as client,
        frugal_client(gateway.address) as frugal,
    ):
        for service in ("", READINESS, "duologue.v1.AdminService"):
            request = health_pb2.HealthCheckRequest(service=service)
            stream = await frugal.call(WATCH, request.SerializeToString())
            async with waiting_for("the beginning of an answer"):
                await frugal.until_headers(stream)
        async with waiting_for("the end of draining"):
            await gateway.drain(0)
        assert await _status(client.channel, READINESS) == NOT_SERVING


async def test_who_watches_is_told_of_changes(gateway: Gateway, client: Api) -> None:
    stub = health_pb2_grpc.HealthStub(client.channel)
    call = stub.Watch(health_pb2.HealthCheckRequest(service=READINESS))
    unknown = stub.Watch(health_pb2.HealthCheckRequest(service="nobody's"))
    async with waiting_for("what is told of health"):
        assert (await call.read()).status == SERVING
        assert (await unknown.read()).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        await gateway.drain(0)
        assert (await call.read()).status == NOT_SERVING
    call.cancel()
    unknown.cancel()


async def test_so_many_may_watch(gateway: Gateway, client: Api) -> None:
    stub = health_pb2_grpc.HealthStub(client.channel)
    request = health_pb2.HealthCheckRequest(service=READINESS)
    calls = [stub.Watch(request) for _ in range(MAX_WATCHERS)]
    async with waiting_for("those who may watch, and the one too many"):
        for call in calls:
            await call.read()
        one_more = stub.Watch(request)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await one_more.read()
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await _status(client.channel, READINESS) == SERVING
        calls.pop().cancel()
        while (again := await _watching(stub)) is None:
            pass  # the place is free as soon as the server knows of it
    for call in (*calls, again):
        call.cancel()


async def _watching(stub: Any) -> Any:
    """A call that was let in; None when there are too many."""
    call = stub.Watch(health_pb2.HealthCheckRequest(service=READINESS))
    try:
        return call if await call.read() else None
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return None
        raise


async def test_a_service_that_is_not_known(client: Api) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await _status(client.channel, "nobody's")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
    "method",
    ["grpc.health.v1.Health/Check", "grpc.health.v1.Health/Watch"]
    + [f"duologue.v1.ConversationService/{each}" for each in ("GetSession", "Converse")]
    + ["duologue.v1.AdminService/ListTenants"],
)
async def test_who_calls_and_says_nothing_is_answered(serve: Serve, method: str) -> None:
    async with serve(unary_ms=50) as gateway, frugal_client(gateway.address) as frugal:
        stream = await frugal.call(f"/{method}")
        async with waiting_for("the refusal"):
            await frugal.until_headers(stream)


async def test_so_many_may_ask_the_reflection(serve: Serve) -> None:
    async with serve(reflection=True) as gateway, api(gateway.address, None) as client:
        stub = reflection_pb2_grpc.ServerReflectionStub(client.channel)
        calls = [stub.ServerReflectionInfo() for _ in range(16)]
        async with waiting_for("those who may ask, and the one too many"):
            for call in calls:
                await call.write(refl.ServerReflectionRequest(list_services=""))
                await call.read()
            one_more = stub.ServerReflectionInfo()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await one_more.read()
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        for call in calls:
            call.cancel()


async def test_so_many_calls_may_be_open(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_OTHER_CALLS", 1)
    async with (
        serve(max_streams=1, reflection=True) as gateway,
        api(gateway.address, None) as client,
    ):
        stub = health_pb2_grpc.HealthStub(client.channel)
        calls = [stub.Watch(health_pb2.HealthCheckRequest()) for _ in range(3)]
        async with waiting_for("those who may call, and the one too many"):
            for call in calls:
                await call.read()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await _status(client.channel, "")
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        for call in calls:
            call.cancel()
