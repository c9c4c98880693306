"""The client against the real gateway and a real store; only session actors follow a script."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import pytest

from duologue.client import (
    Client,
    Conversation,
    Envelope,
    Event,
    InvalidRequest,
    PermissionDenied,
    QuotaExceeded,
    ResponseDone,
    SessionConfig,
    SessionMoved,
    SessionNotFound,
    SessionOver,
    SessionTaken,
    Unauthenticated,
    connect,
    sync,
)
from duologue.gateway.server import Gateway
from duologue.store.store import Store
from duologue.tenants import Tenant
from duologue.v1 import admin_pb2, conversation_pb2
from tests.client.worlds import ShortWaits
from tests.gateway.conftest import Serve
from tests.gateway.scripted import EVENTS_PER_INPUT, Fault, ScriptedNode, World
from tests.waiting import waiting_for

INPUTS = 3
LAST = INPUTS * EVENTS_PER_INPUT


def client_at(address: str | Sequence[str], key: str) -> Client:
    return connect(address, api_key=key, timing=ShortWaits().timing)


async def hold(conversation: Conversation, until_seq: int = LAST) -> list[int]:
    """Say something after each answer began; returns the numbers of all that was told."""
    numbers: list[int] = []
    said = 1
    async with waiting_for(f"event {until_seq}", lambda: numbers):
        await conversation.append("input 1")
        async for told in conversation.told():
            if isinstance(told, Envelope):
                numbers.append(told.server_seq)
                if told.server_seq > (said - 1) * EVENTS_PER_INPUT + 1 and said < INPUTS:
                    said += 1
                    await conversation.append(f"input {said}")
                if told.server_seq == until_seq:
                    break
    return numbers


@pytest.mark.parametrize("fault", [Fault.BREAK, Fault.LEAVE])
async def test_whatever_becomes_of_the_actors_each_event_is_told_once(
    gateway: Gateway, world: World, key: str, fault: Fault
) -> None:
    world.faults = dict.fromkeys(range(3, 60, 4), fault)
    async with client_at(gateway.address, key) as client, client.converse() as conversation:
        assert await hold(conversation) == list(range(1, LAST + 1))
        assert conversation.seen.num_repeated == conversation.seen.num_gaps == 0
    story = world.story(conversation.session_id)
    assert [event.client_seq for event in story.said] == list(range(1, INPUTS + 2))
    assert story.is_closed


async def test_a_move_is_told(gateway: Gateway, world: World, key: str) -> None:
    world.faults = {4: Fault.LEAVE}
    async with client_at(gateway.address, key) as client, client.converse() as conversation:
        await conversation.append("hello")
        events = await first(conversation, 6)
        assert any(isinstance(event, SessionMoved) for event in events)


async def first(conversation: Conversation, count: int) -> list[Event]:
    events: list[Event] = []
    async with waiting_for(f"{count} events", lambda: events):
        async for event in conversation:
            events.append(event)
            if len(events) == count:
                break
    return events


@pytest.mark.usefixtures("scripted")
async def test_conversations_are_spread_over_the_gateways_behind_one_name(
    serve: Serve, key: str
) -> None:
    async with AsyncExitStack() as stack:
        gateways = [await stack.enter_async_context(serve()) for _ in range(2)]
        # What gRPC makes of dns:///NAME:PORT, without a name.
        behind = ",".join(gateway.address for gateway in gateways)
        client = await stack.enter_async_context(client_at([f"ipv4:{behind}"], key))
        # The connection to the second may come later than the first conversations.
        for _ in range(40):
            conversation = await stack.enter_async_context(client.converse())
            await conversation.append("hello")
            await first(conversation, 2)
            if all(gateway.num_streams for gateway in gateways):
                break
        assert all(gateway.num_streams for gateway in gateways)


@pytest.mark.usefixtures("scripted")
async def test_a_draining_gateway_is_left_for_another_in_the_middle(
    serve: Serve, world: World, key: str
) -> None:
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(serve())
        two = await stack.enter_async_context(serve())
        client = await stack.enter_async_context(client_at(f"{one.address},{two.address}", key))
        conversation = await stack.enter_async_context(client.converse())
        numbers: list[int] = []
        await stack.enter_async_context(waiting_for("the other gateway's events", lambda: numbers))
        await conversation.append("before")
        async for told in conversation.told():
            if isinstance(told, Envelope):
                numbers.append(told.server_seq)
                if told.server_seq == 2:
                    draining = asyncio.create_task(one.drain(20_000))
                if told.server_seq == EVENTS_PER_INPUT:
                    await conversation.append("after")
            has_moved = conversation.stats.num_connections == 2
            if has_moved and len(numbers) == 2 * EVENTS_PER_INPUT:
                break
        await draining
        assert numbers == list(range(1, 2 * EVENTS_PER_INPUT + 1))
        assert (one.num_streams, two.num_streams) == (0, 1)
        assert conversation.stats.num_failures == 0


async def test_another_client_takes_over_and_the_first_is_told_so(
    gateway: Gateway, key: str, world: World
) -> None:
    async with client_at(gateway.address, key) as client, client.converse() as one:
        await one.append("hello")
        async with client.resume(one.session_id, one.resume_token) as two:
            with pytest.raises(SessionTaken):
                await hold(one, until_seq=10_000)
            await two.append("mine now")
            async with waiting_for("the second answer"):
                async for told in two.told():
                    if isinstance(told, Envelope) and told.server_seq == 2 * EVENTS_PER_INPUT:
                        break
    assert [event.client_seq for event in world.story(one.session_id).said] == [1, 2, 3]


async def test_refusals_are_typed(gateway: Gateway, key: str, scripted: ScriptedNode) -> None:
    async with client_at(gateway.address, "duo_no_body") as stranger:
        with pytest.raises(Unauthenticated):
            await enter(stranger.converse())
    async with client_at(gateway.address, key) as client:
        with pytest.raises(SessionNotFound):
            await enter(client.resume("ses_unknown", "token"))
        session, token = await client.create_session(SessionConfig(labels={"team": "sea"}))
        with pytest.raises(PermissionDenied):
            await enter(client.resume(session.session_id, token + "x"))
        with pytest.raises(PermissionDenied, match="operator"):
            await client.admin.capacity()
        with pytest.raises(InvalidRequest) as wrong:
            await client.get_session("no session!")
        assert wrong.value.field == "session_id"
        await client.close_session(session.session_id)
        with pytest.raises(SessionOver):
            await enter(client.resume(session.session_id, token))


async def enter(conversation: Conversation) -> None:
    async with conversation:
        pass


async def test_a_quota_says_when_to_come_back(
    gateway: Gateway, store: Store, scripted: ScriptedNode
) -> None:
    await store.put_tenant(Tenant("small", opens_per_minute=1))
    key = (await store.create_key("small")).key
    async with client_at(gateway.address, key) as client:
        with pytest.raises(QuotaExceeded) as refused:
            await asyncio.gather(*(client.create_session() for _ in range(10)))
    assert refused.value.retry_after_s
    assert refused.value.retry_after_s > 0


async def test_what_is_known_of_sessions(gateway: Gateway, key: str, world: World) -> None:
    async with client_at(gateway.address, key) as client:
        made = [(await client.create_session())[0].session_id for _ in range(3)]
        async with client.converse(SessionConfig(temperature=0.0)) as conversation:
            await conversation.append("hello")
            found = await client.get_session(conversation.session_id)
            assert found.status == conversation_pb2.SESSION_STATUS_LIVE
            assert found.config.temperature == 0.0
        listed = [session.session_id for session in await client.list_sessions()]
        assert set(listed) == {*made, conversation.session_id}
        assert await client.transcript(conversation.session_id) == []


async def test_operators_manage_tenants_and_see_the_cluster(
    gateway: Gateway, store: Store, scripted: ScriptedNode
) -> None:
    await store.put_tenant(Tenant("ops", is_operator=True))
    operator = (await store.create_key("ops")).key
    async with client_at(gateway.address, operator) as client:
        admin = client.admin
        await admin.put_tenant(admin_pb2.Tenant(tenant_id="new", max_sessions=3))
        key_id, key = await admin.create_key("new")
        assert [tenant.tenant_id for tenant in await admin.tenants()] == ["new", "ops"]
        async with client_at(gateway.address, key) as tenant:
            await tenant.create_session()
            assert [session.tenant_id for session in await admin.all_sessions("new")] == ["new"]
            await admin.revoke_key(key_id)
        assert [node.node_id for node in (await admin.nodes()).nodes] == [scripted.node_id]
        await admin.drain_node(scripted.node_id, grace_s=1.5)
        assert scripted.drained_ms == 1_500
        await admin.delete_tenant("new")
        assert (await admin.capacity()).live_sessions == 0


async def test_a_fault_while_writing_ends_the_conversation(
    gateway: Gateway, scripted: ScriptedNode, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not only the writing, while whoever reads waits for an answer."""

    def fails(_client_seq: int) -> None:
        raise RuntimeError("a fault")

    async def hold_with_fault(client: Client) -> None:
        async with waiting_for("the fault"), client.converse() as conversation:
            monkeypatch.setattr(conversation.sent, "after", fails)
            await conversation.append("hello")
            async for _ in conversation:
                pass

    async with client_at(gateway.address, key) as client:
        with pytest.raises(RuntimeError, match="a fault"):
            await hold_with_fault(client)


async def test_a_script_without_a_loop_talks_through_the_gateway(
    gateway: Gateway, world: World, key: str
) -> None:
    def script() -> str:
        with sync.connect(gateway.address, api_key=key) as client:
            with client.converse() as conversation:
                conversation.say("input 1")
                told = [conversation.next_event() for _ in range(EVENTS_PER_INPUT + 1)]
                assert any(isinstance(event, ResponseDone) for event in told)
            assert client.get_session(conversation.session_id).session_id
            return conversation.session_id

    session_id = await asyncio.to_thread(script)
    assert world.story(session_id).is_closed
