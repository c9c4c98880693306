"""The port for OpenAI's API: who may come, in what way, and how it is told."""

import asyncio
import json
import ssl
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from duologue import certificates
from duologue.errors import InvalidSetting
from duologue.gateway import conversation, keys
from duologue.gateway.server import Gateway
from duologue.openai import realtime_door
from duologue.service_settings import GatewaySettings
from duologue.store.store import Store
from tests.certificates import Authority
from tests.gateway.conftest import Serve
from tests.gateway.scripted import ScriptedNode
from tests.waiting import waiting_for

SAID = json.dumps({"type": "duologue.input_text.append", "text": "hello"})


def _url(gateway: Gateway, path: str = "realtime", scheme: str = "ws") -> str:
    return f"{scheme}://{gateway.http_address}/v1/{path}"


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def _until(socket: Any, kind: str) -> Any:
    """Read on until an event of this kind comes."""
    async with waiting_for(kind):
        while (event := json.loads(await socket.recv()))["type"] != kind:
            pass
    return event


async def test_there_is_none_by_default(serve: Serve) -> None:
    assert GatewaySettings().http_port is None
    async with serve() as gateway:
        assert gateway.http_address is None


async def test_who_balances_calls_is_told_whether_clients_should_come(serve: Serve) -> None:
    async with serve(http_port=0) as gateway, httpx2.AsyncClient() as balancer:
        url = f"http://{gateway.http_address}/health"
        answer = await balancer.get(url)
        assert (answer.status_code, answer.json()) == (200, {"status": "SERVING"})
        assert answer.headers["cache-control"] == "no-store"
        assert (await balancer.head(url)).status_code == 200
        await gateway.drain(0)
        answer = await balancer.get(url)
        assert (answer.status_code, answer.json()) == (503, {"status": "NOT_SERVING"})


async def test_a_port_that_is_taken(serve: Serve) -> None:
    async with serve(http_port=0) as gateway:
        assert gateway.http_address is not None
        taken = int(gateway.http_address.rpartition(":")[2])
        with pytest.raises(InvalidSetting, match=r"gateway\.http_port must be free"):
            async with serve(http_port=taken):
                raise AssertionError("it listens")
    with pytest.raises(InvalidSetting, match=r"gateway\.http_port must be another port"):
        GatewaySettings(port=5, http_port=5)


async def test_a_browser_names_its_key_by_a_protocol(
    serve: Serve, scripted: ScriptedNode, key: str
) -> None:
    protocols: Any = ["realtime", f"openai-insecure-api-key.{key}"]
    async with serve(http_port=0) as gateway, connect(_url(gateway), subprotocols=protocols) as ws:
        assert ws.subprotocol == "realtime"
        await ws.send(SAID)
        await _until(ws, "response.done")


async def test_tls_with_a_certificate_that_is_renewed(
    serve: Serve, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "LOOK_EVERY_MS", 0.0)
    authority = Authority.make(tmp_path / "ca")
    own, next_ = (authority.sign(name, "IP:127.0.0.1") for name in ("one", "two"))
    shown = authority.sign("client")
    trust = ssl.create_default_context(cafile=str(authority.certificate))
    trust.load_cert_chain(shown.certificate, shown.key)
    stranger = ssl.create_default_context(cafile=str(authority.certificate))
    tls = {"tls_certificate": str(own.certificate), "tls_key": str(own.key)}
    async with serve(http_port=0, **tls, tls_client_ca=str(authority.certificate)) as gateway:
        serials = []
        for pair in (own, next_):
            own.replace(pair)
            url, headers = _url(gateway, scheme="wss"), _bearer(key)
            async with connect(url, ssl=trust, additional_headers=headers) as ws:
                serials.append(ws.transport.get_extra_info("peercert")["serialNumber"])
                await _until(ws, "session.created")
        assert len(set(serials)) == 2
        url = _url(gateway, "models", "https")
        async with httpx2.AsyncClient(verify=stranger) as client:
            with pytest.raises(httpx2.TransportError):
                await client.get(url, headers=_bearer(key))


async def test_a_revoked_key_ends_the_conversation(
    serve: Serve, scripted: ScriptedNode, key: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "ADMITTED_S", 0.02)
    monkeypatch.setattr(keys, "REMEMBERED_MS", 10)
    async with (
        serve(http_port=0) as gateway,
        connect(_url(gateway), additional_headers=_bearer(key)) as ws,
    ):
        await ws.send(SAID)
        await _until(ws, "response.created")
        await store.revoke_key(key.split("_")[1])
        assert (await _until(ws, "error"))["error"]["code"] == "invalid_api_key"
        with pytest.raises(ConnectionClosed):
            await _until(ws, "nothing more")


async def test_as_many_conversations_as_a_tenant_may_have(serve: Serve, key: str) -> None:
    async with serve(http_port=0, max_streams_of_tenant=1) as gateway:
        async with connect(_url(gateway), additional_headers=_bearer(key)) as ws:
            await _until(ws, "session.created")
            with pytest.raises(InvalidStatus) as caught:
                await connect(_url(gateway), additional_headers=_bearer(key))
        assert caught.value.response.status_code == 429
        assert int(caught.value.response.headers["retry-after"]) > 0


async def test_who_says_nothing_is_not_waited_for_without_end(
    serve: Serve, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(realtime_door, "FIRST_WITHIN_S", 0.05)
    async with (
        serve(http_port=0) as gateway,
        connect(_url(gateway), additional_headers=_bearer(key)) as ws,
    ):
        assert (await _until(ws, "error"))["error"]["code"] == "deadline_exceeded"


async def test_a_frame_that_is_too_large_ends_its_own_connection(
    serve: Serve, scripted: ScriptedNode, key: str
) -> None:
    async with serve(http_port=0, max_message_bytes=2_000) as gateway:
        headers = _bearer(key)
        async with (
            connect(_url(gateway), additional_headers=headers) as large,
            connect(_url(gateway), additional_headers=headers) as other,
        ):
            await large.send("x" * 3_000)
            with pytest.raises(ConnectionClosed) as caught:
                await _until(large, "nothing more")
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1009
            await other.send(SAID)
            await _until(other, "response.done")


async def test_calls_beside_conversations_are_counted(serve: Serve, key: str) -> None:
    async with serve(http_port=0, calls_per_minute=1) as gateway:
        url = _url(gateway, "", "http")
        async with AsyncOpenAI(base_url=url, api_key=key, max_retries=0) as client:
            statuses = await asyncio.gather(
                *(client.models.list() for _ in range(2)), return_exceptions=True
            )
    assert sorted(getattr(each, "status_code", 200) for each in statuses) == [200, 429]
