"""A key that is revoked while it is used, a token whose time is over, and a tenant that is deleted:
open streams follow."""

import time
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from duologue.client import ConnectionLost, Conversation, Envelope, Unauthenticated, connect
from duologue.clock import UnixClock
from duologue.gateway import conversation, keys, server
from duologue.gateway.server import Gateway
from duologue.jwt_settings import JwtSettings
from duologue.store.store import Store
from duologue.tenants import Tenant
from tests.gateway.conftest import Serve
from tests.gateway.scripted import EVENTS_PER_INPUT, ScriptedNode
from tests.gateway.talking import Api, api, details, failure
from tests.tokens import AUDIENCE, ISSUER, document, public_jwk, token
from tests.waiting import waiting_for


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversation, "ADMITTED_S", 0.02)
    monkeypatch.setattr(keys, "REMEMBERED_MS", 10)


async def test_a_revoked_key_ends_its_streams_and_no_others(
    gateway: Gateway, client: Api, store: Store
) -> None:
    other = await store.create_key("acme")
    async with api(gateway.address, other.key) as beside:
        mine, others = await client.started(), await beside.started()
        await store.revoke_key(client.metadata[0][1].split("_")[1])
        async with waiting_for("the end of the stream"):
            error = await failure(mine)
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        await others.say("goes on")
        await others.until_done(1)
        again = await beside.resumed(mine)
        await again.until_ready()


async def test_a_deleted_tenants_streams_end(gateway: Gateway, client: Api, store: Store) -> None:
    talk = await client.started()
    await store.delete_tenant("acme")
    await store.put_tenant(Tenant("acme"))
    async with waiting_for("the end of the stream"):
        error = await failure(talk)
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED


class Later:
    """The time of day, later by as much as a test says."""

    def __init__(self) -> None:
        self.by_ms = 0.0
        self._clock = UnixClock()

    def now_ms(self) -> float:
        return self._clock.now_ms() + self.by_ms


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Later:
    """A gateway's."""
    clock = Later()
    monkeypatch.setattr(server, "UnixClock", lambda: clock)
    return clock


@pytest.fixture
def issuer(tmp_path: Path) -> JwtSettings:
    file = tmp_path / "keys.json"
    file.write_bytes(document(public_jwk("ES256")))
    jwks = str(file)
    return JwtSettings(jwks=jwks, issuer=ISSUER, audience=AUDIENCE, leeway_s=0, stream_grace_s=60)


def _reason(error: grpc.aio.AioRpcError) -> str:
    return str(details(error)["ErrorInfo"].reason)  # type: ignore[attr-defined]


async def test_a_stream_ends_some_time_after_its_token(
    serve: Serve, scripted: ScriptedNode, store: Store, issuer: JwtSettings, clock: Later
) -> None:
    await store.put_tenant(Tenant("acme"))
    async with serve(jwt=issuer) as gateway, api(gateway.address, token()) as client:
        talk = await client.started()
        clock.by_ms += 605_000
        refused = await failure(await client.starting())
        assert _reason(refused) == "TOKEN_EXPIRED"
        await talk.say("it goes on for a moment")
        await talk.until_done(1)
        clock.by_ms += 60_000
        async with waiting_for("the end of the stream"):
            error = await failure(talk)
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert _reason(error) == "TOKEN_EXPIRED"
        later_s = int(time.time()) + 2_000
        async with api(gateway.address, token(exp=later_s)) as renewed:
            again = await renewed.resumed(talk)
            await again.until_ready()


async def test_a_stream_ends_when_its_key_expires(
    serve: Serve, scripted: ScriptedNode, store: Store, clock: Later
) -> None:
    await store.put_tenant(Tenant("acme"))
    short = await store.create_key("acme", expires_in_ms=600_000)
    async with serve() as gateway, api(gateway.address, short.key) as client:
        talk = await client.started()
        clock.by_ms += 605_000
        async with waiting_for("the end of the stream"):
            error = await failure(talk)
        assert _reason(error) == "KEY_EXPIRED"


async def test_a_stream_ends_when_its_tokens_key_is_taken_back(
    serve: Serve, scripted: ScriptedNode, store: Store, issuer: JwtSettings
) -> None:
    await store.put_tenant(Tenant("acme"))
    async with serve(jwt=issuer) as gateway, api(gateway.address, token()) as client:
        talk = await client.started()
        assert issuer.jwks is not None
        Path(issuer.jwks).write_bytes(document(public_jwk("ES256", "two")))
        async with waiting_for("the end of the stream"):
            error = await failure(talk)
        assert _reason(error) == "UNAUTHENTICATED"


async def test_a_tenant_may_be_made_by_a_token(
    serve: Serve, scripted: ScriptedNode, store: Store, issuer: JwtSettings
) -> None:
    settings = replace(issuer, creates_tenants=True)
    async with serve(jwt=settings) as gateway, api(gateway.address, token(tenant="new")) as client:
        await client.started()
    assert await store.tenant("new") == Tenant("new")


async def test_the_client_library_goes_on_with_a_new_token(
    serve: Serve, scripted: ScriptedNode, store: Store, issuer: JwtSettings, clock: Later
) -> None:
    await store.put_tenant(Tenant("acme"))
    asked: list[str] = []

    def present() -> str:
        asked.append(token(exp=int(time.time()) + 600 * (1 + bool(clock.by_ms))))
        return asked[-1]

    async with (
        serve(jwt=replace(issuer, stream_grace_s=0)) as gateway,
        connect(gateway.address, api_key=present) as client,
        client.converse() as talk,
    ):
        await talk.append("before")
        clock.by_ms += 605_000
        async with waiting_for("the stream to be resumed"):
            async for event in talk:
                if isinstance(event, ConnectionLost):
                    break
        await talk.append("after")
        assert talk.stats.num_connections == 1
        async with waiting_for("the second answer"):
            async for told in talk.told():
                if isinstance(told, Envelope) and told.server_seq == 2 * EVENTS_PER_INPUT:
                    break
        assert talk.stats.num_connections == 2
        assert (await client.get_session(talk.session_id)).tenant_id == "acme"


async def test_a_token_that_is_not_renewed_ends_a_conversation(
    serve: Serve, scripted: ScriptedNode, store: Store, issuer: JwtSettings, clock: Later
) -> None:
    await store.put_tenant(Tenant("acme"))
    same = token()
    async with (
        serve(jwt=replace(issuer, stream_grace_s=0)) as gateway,
        connect(gateway.address, api_key=lambda: same) as client,
    ):
        async with client.converse() as talk:
            clock.by_ms += 605_000
            async with waiting_for("the end of the stream"):
                with pytest.raises(Unauthenticated, match="expired"):
                    await _all_of(talk)
        with pytest.raises(Unauthenticated, match="expired"):
            await client.get_session(talk.session_id)


async def _all_of(talk: Conversation) -> None:
    async for _ in talk:
        pass
