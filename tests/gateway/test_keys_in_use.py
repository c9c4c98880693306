"""A key that is revoked while it is used, and a tenant that is deleted: open streams follow."""

import grpc
import pytest

from duologue.gateway import conversation, keys
from duologue.gateway.server import Gateway
from duologue.store.store import Store
from duologue.tenants import Tenant
from tests.gateway.talking import Api, api, failure
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
