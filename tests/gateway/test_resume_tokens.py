"""Resume tokens over real streams: each good once, and none taken by what was lost on the way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from duologue.client import connect
from duologue.errors import StoreUnavailable
from duologue.gateway import conversation
from duologue.gateway.server import Gateway
from duologue.store.store import Store
from duologue.tenants import Tenant
from duologue.v1 import conversation_pb2 as pb
from tests.gateway.conftest import Serve
from tests.gateway.scripted import ScriptedNode, World
from tests.gateway.talking import Api, Talk, api, append, failure, resume


async def _resumed(client: Api, talk: Talk, token: str) -> Talk:
    again = client.converse()
    await again.write(resume(talk.session_id, token, talk.last_server_seq))
    return again


async def _is_refused(client: Api, talk: Talk, token: str) -> bool:
    error = await failure(await _resumed(client, talk, token))
    return error.code() is grpc.StatusCode.PERMISSION_DENIED and "token" in str(error.details())


async def _spoken(talk: Talk, client_seq: int) -> None:
    """Say something behind `session_ready`, and have it taken."""
    request = append(client_seq, "word")
    request.ready_received = True
    await talk.write(request)
    await talk.until_done(client_seq)


async def test_each_resumption_gives_another_token(client: Api) -> None:
    talk = await client.started()
    tokens = [talk.resume_token]
    for _ in range(3):
        again = await _resumed(client, talk, tokens[-1])
        await again.until_ready()
        tokens.append(again.resume_token)
    assert len({*tokens}) == 4
    for old in tokens[:-2]:
        assert await _is_refused(client, talk, old)


async def test_what_is_said_with_the_new_token_ends_the_old_one(client: Api) -> None:
    talk = await client.started()
    again = await client.resumed(talk)
    await again.until_ready()
    await _spoken(again, 1)
    assert await _is_refused(client, talk, talk.resume_token)
    await _spoken(again, 2)
    last = await _resumed(client, again, again.resume_token)
    await last.until_ready()


async def test_who_speaks_before_it_is_ready_keeps_the_old_token(client: Api) -> None:
    """What is said does not show that `session_ready` has come."""
    talk = await client.started()
    again = await client.resumed(talk)
    await again.write(append(1, "at once"))
    await again.until_done(1)
    third = await _resumed(client, talk, talk.resume_token)
    await third.until_ready()


async def test_a_client_of_a_version_before_goes_on_with_its_first_token(client: Api) -> None:
    talk = await client.started()
    for number in range(1, 4):
        again = await _resumed(client, talk, talk.resume_token)
        await again.say("word", number)
        await again.until_done(number)
        talk.told += again.told


async def test_a_session_that_was_made_first(client: Api) -> None:
    created = await client.conversations.CreateSession(
        pb.CreateSessionRequest(), metadata=client.metadata
    )
    first = client.converse()
    await first.write(resume(created.session.session_id, created.resume_token))
    await first.until_ready()
    assert first.resume_token != created.resume_token
    await _spoken(first, 1)
    assert await _is_refused(client, first, created.resume_token)


async def test_another_tenant_has_no_use_for_a_token(
    gateway: Gateway, client: Api, store: Store
) -> None:
    await store.put_tenant(Tenant("other"))
    talk = await client.started()
    async with api(gateway.address, (await store.create_key("other")).key) as stranger:
        error = await failure(await _resumed(stranger, talk, talk.resume_token))
        assert error.code() is grpc.StatusCode.NOT_FOUND
    again = await client.resumed(talk)
    await again.until_ready()


# Losses.


@asynccontextmanager
async def _losing(monkeypatch: pytest.MonkeyPatch, store: Store) -> AsyncIterator[list[str]]:
    """While the block lasts, gateways lose what the store answered to a resumption."""
    lost: list[str] = []
    whole = store.resume

    async def losing(tenant_id: str, session_id: str, *digests: bytes) -> Any:
        await whole(tenant_id, session_id, *digests)
        lost.append(session_id)
        raise StoreUnavailable("the answer was lost")

    with monkeypatch.context() as patch:
        patch.setattr(store, "resume", losing)
        yield lost


async def test_a_resumption_that_is_lost_behind_the_store_costs_nothing(
    client: Api, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = await client.started()
    async with _losing(monkeypatch, store) as lost:
        for _ in range(5):
            await failure(await client.resumed(talk))
    assert len(lost) == 5
    again = await client.resumed(talk)
    await again.until_ready()
    await _spoken(again, 1)


async def test_a_gateway_that_dies_in_between_costs_nothing(
    serve: Serve, scripted: ScriptedNode, key: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind the store's answer and before the client's: nobody can say which token it has."""
    async with serve() as survivor, api(survivor.address, key) as client:
        talk = await client.started()
        await _spoken(talk, 1)
        async with serve() as dying, api(dying.address, key) as other:

            async def dies(*_: object) -> None:
                raise SystemError("killed")

            with monkeypatch.context() as patch:
                patch.setattr(conversation.Conversing, "_write", dies)
                await failure(await _resumed(other, talk, talk.resume_token))
        again = await client.resumed(talk)
        await again.until_ready()
        await _spoken(again, 2)
        assert await _is_refused(client, talk, talk.resume_token)


async def test_a_store_that_does_not_answer_settles_it_later(
    client: Api, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = await client.started()
    again = await client.resumed(talk)
    await again.until_ready()

    async def fails(*_: object) -> None:
        raise StoreUnavailable("not now")

    with monkeypatch.context() as patch:
        patch.setattr(store, "settle_token", fails)
        await _spoken(again, 1)
    await _spoken(again, 2)
    assert await _is_refused(client, talk, talk.resume_token)


async def test_the_client_library_follows_by_itself(
    gateway: Gateway, key: str, world: World, store: Store
) -> None:
    async with connect(gateway.address, api_key=key) as client, client.converse() as talk:
        first = talk.resume_token
        await talk.append("one")
        gateway_end = next(iter(gateway._streams._open))
        gateway_end.end(StoreUnavailable("the stream breaks"))
        await talk.append("two")
        await world.story(talk.session_id).until_said(2)
        assert talk.resume_token != first
        async with api(gateway.address, key) as plain:
            stranger = plain.converse()
            await stranger.write(resume(talk.session_id, first))
            assert (await failure(stranger)).code() is grpc.StatusCode.PERMISSION_DENIED
