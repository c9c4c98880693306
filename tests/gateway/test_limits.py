"""Quotas, the line for room, and bounds: what is reached is told, and disturbs nobody else."""

import asyncio
from itertools import pairwise

import grpc
import pytest

from duologue.errors import CapacityExceeded, QuotaUsedUp
from duologue.store.store import Store
from duologue.tenants import Tenant
from duologue.v1 import conversation_pb2 as pb
from duologue.v1 import events_pb2
from tests.gateway.conftest import Serve
from tests.gateway.scripted import EVENTS_PER_INPUT, ScriptedNode, World
from tests.gateway.talking import START, Talk, api, details, failure, revise
from tests.waiting import waiting_for


async def _key(store: Store, tenant: Tenant) -> str:
    await store.put_tenant(tenant)
    return (await store.create_key(tenant.tenant_id)).key


def _check_exhausted(error: grpc.aio.AioRpcError, reason: str) -> None:
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    found = details(error)
    assert found["ErrorInfo"].reason == reason  # type: ignore[attr-defined]
    assert found["RetryInfo"].retry_delay.ToMilliseconds() > 0  # type: ignore[attr-defined]


async def test_opens_per_minute(serve: Serve, scripted: ScriptedNode, store: Store) -> None:
    key = await _key(store, Tenant("small", opens_per_minute=2))
    async with serve() as gateway, api(gateway.address, key) as client:
        for _ in range(2):
            await client.started()
        talk = client.converse()
        await talk.write(START)
        error = await failure(talk)
        _check_exhausted(error, "QUOTA_EXCEEDED")
        violation = details(error)["QuotaFailure"].violations[0]  # type: ignore[attr-defined]
        assert violation.subject == "tenant:small"
        assert "2 sessions" in violation.description
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.conversations.CreateSession(
                pb.CreateSessionRequest(), metadata=client.metadata
            )
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_live_sessions(serve: Serve, scripted: ScriptedNode, store: Store) -> None:
    small = await _key(store, Tenant("small", max_sessions=1))
    other = await _key(store, Tenant("other"))
    async with (
        serve() as gateway,
        api(gateway.address, small) as client,
        api(gateway.address, other) as neighbour,
    ):
        talk = await client.started()
        refused = client.converse()
        await refused.write(START)
        _check_exhausted(await failure(refused), "QUOTA_EXCEEDED")
        await neighbour.started()
        await talk.say("the first goes on")
        await talk.until_done(1)
        # Of the one that was refused nothing is left that counts.
        page = await store.list_sessions("small")
        assert sorted(record.status for record in page.sessions) == ["closed", "live"]


async def test_input_characters(
    serve: Serve, scripted: ScriptedNode, store: Store, world: World
) -> None:
    key = await _key(store, Tenant("small", input_chars_per_minute=100))
    async with serve() as gateway, api(gateway.address, key) as client:
        talk = await client.started()
        await talk.say("x" * 60)
        await talk.until_done(1)
        await talk.say("y" * 60)
        _check_exhausted(await failure(talk), "QUOTA_EXCEEDED")
        # The session stays, without what was too much, and can be resumed.
        assert len(world.story(talk.session_id).said) == 1
        again = await client.resumed(talk)
        await again.until_ready()
        await again.say("z" * 30, 2)
        await again.until_done(2)


async def test_growing_partials_are_charged_for_what_is_new(
    serve: Serve, scripted: ScriptedNode, store: Store, world: World
) -> None:
    key = await _key(store, Tenant("small", input_chars_per_minute=100))
    async with serve() as gateway, api(gateway.address, key) as client:
        talk = await client.started()
        for client_seq in range(1, 11):
            await talk.write(revise(client_seq, "nine char" * client_seq))
        await talk.until_done(10)
        assert len(world.story(talk.session_id).said) == 10


async def test_the_line_goes_by_priority_and_then_by_arrival(
    serve: Serve, scripted: ScriptedNode, store: Store, world: World
) -> None:
    low = await _key(store, Tenant("low"))
    high = await _key(store, Tenant("high", priority=5))
    scripted.refuses = CapacityExceeded("this node is full")
    async with (
        serve() as gateway,
        api(gateway.address, low) as poor,
        api(gateway.address, high) as rich,
    ):
        order: list[str] = []
        talks: list[Talk] = []
        waiters: list[asyncio.Task[None]] = []
        for name, client in (("first", poor), ("second", poor), ("rich", rich)):
            talk = client.converse()
            await talk.write(START)
            await talk.until_kind("queued")
            talks.append(talk)

            async def come(name: str = name, talk: Talk = talk) -> None:
                await talk.until_ready()
                order.append(name)

            waiters.append(asyncio.create_task(come()))
        scripted.refuses = None
        async with waiting_for("all to come in", lambda: order):
            await asyncio.gather(*waiters)
        assert order == ["rich", "first", "second"]
        positions = [
            [event.queued.position for event in talk.told if event.HasField("queued")]
            for talk in talks
        ]
        assert [told[0] for told in positions] == [0, 1, 0]
        assert [told[-1] for told in positions] == [0, 0, 0]
        assert positions[1][1] == 2, "who is overtaken is told at once"
        assert all(place != after for told in positions for place, after in pairwise(told))


async def test_nobody_overtakes_the_line(
    serve: Serve, scripted: ScriptedNode, store: Store
) -> None:
    key = await _key(store, Tenant("acme"))
    scripted.refuses = CapacityExceeded("this node is full")
    async with serve() as gateway, api(gateway.address, key) as client:
        first, second = client.converse(), client.converse()
        await first.write(START)
        await first.until_kind("queued")
        num_binds = scripted.num_binds
        await second.write(START)
        queued = await second.until_kind("queued")
        assert queued.queued.position == 1
        assert scripted.num_binds >= num_binds
        scripted.refuses = None
        await first.until_ready()
        await second.until_ready()


async def test_the_line_is_bounded(serve: Serve, scripted: ScriptedNode, store: Store) -> None:
    key = await _key(store, Tenant("acme"))
    scripted.refuses = CapacityExceeded("this node is full")
    async with serve(queue_length=1) as gateway, api(gateway.address, key) as client:
        first, second = client.converse(), client.converse()
        await first.write(START)
        await first.until_kind("queued")
        await second.write(START)
        _check_exhausted(await failure(second), "NO_ROOM")
        # Who stood in it and goes, makes room.
        first.call.cancel()
        third = client.converse()
        await third.write(START)
        scripted.refuses = None
        await third.until_ready()


async def test_too_many_cells_are_no_reason_to_wait_in_the_line(
    serve: Serve, scripted: ScriptedNode, store: Store
) -> None:
    """As a batching actor refuses a seat, and the node tells of it."""
    key = await _key(store, Tenant("acme"))
    scripted.refuses = QuotaUsedUp("the tenant's sessions hold 110 cells, at most 100", 1_000)
    async with serve() as gateway, api(gateway.address, key) as client:
        talk = client.converse()
        await talk.write(START)
        error = await failure(talk)
        _check_exhausted(error, "QUOTA_EXCEEDED")
        violation = details(error)["QuotaFailure"].violations[0]  # type: ignore[attr-defined]
        assert violation.subject == "tenant:acme"
        assert "110 cells" in violation.description
        assert "queued" not in talk.kinds


async def test_waiting_has_an_end(serve: Serve, scripted: ScriptedNode, store: Store) -> None:
    key = await _key(store, Tenant("acme"))
    scripted.refuses = CapacityExceeded("this node is full")
    async with serve(queue_ms=1) as gateway, api(gateway.address, key) as client:
        talk = client.converse()
        await talk.write(START)
        _check_exhausted(await failure(talk), "NO_ROOM")
        page = await store.list_sessions("acme")
        assert [record.status for record in page.sessions] == ["closed"]


async def test_no_node_at_all_is_no_room(serve: Serve, store: Store) -> None:
    key = await _key(store, Tenant("acme"))
    async with serve(queue_ms=1) as gateway, api(gateway.address, key) as client:
        talk = client.converse()
        await talk.write(START)
        _check_exhausted(await failure(talk), "NO_ROOM")


async def test_streams_are_bounded(serve: Serve, scripted: ScriptedNode, store: Store) -> None:
    key = await _key(store, Tenant("acme"))
    async with serve(max_streams=1) as gateway, api(gateway.address, key) as client:
        talk = await client.started()
        _check_exhausted(await failure(client.converse()), "CAPACITY_EXCEEDED")
        await talk.say("goes on")
        await talk.until_done(1)
        assert gateway.num_streams == 1


async def test_a_slow_client_is_waited_for(
    serve: Serve, scripted: ScriptedNode, world: World, store: Store
) -> None:
    """Nothing is dropped, and what waits is bounded: by the actor's credit, end to end."""
    key = await _key(store, Tenant("acme"))
    world.max_unseen = 128
    inputs = 200
    async with serve(outbox_events=8) as gateway, api(gateway.address, key) as client:
        talk = await client.started()
        for _ in range(inputs):
            await talk.say("word")
        await world.story(talk.session_id).until_said(inputs)
        # Nothing was read so far.
        assert world.max_waiting <= world.max_unseen
        await talk.until_done(inputs)
        assert talk.numbers == list(range(1, inputs * EVENTS_PER_INPUT + 1))
        assert world.max_waiting <= world.max_unseen


async def test_a_client_that_says_too_much_at_once_waits(
    serve: Serve, scripted: ScriptedNode, world: World, store: Store
) -> None:
    """More events than are kept: the stream holds back, and all arrive."""
    key = await _key(store, Tenant("acme"))
    inputs = 600
    async with serve() as gateway, api(gateway.address, key) as client:
        talk = await client.started()

        async def speak() -> None:
            for _ in range(inputs):
                await talk.say("word " * 100)

        speaking = asyncio.create_task(speak())
        await talk.until_done(inputs)
        async with waiting_for("the last word to be written"):
            await speaking
        assert len(world.story(talk.session_id).said) == inputs


async def test_kept_sessions(serve: Serve, scripted: ScriptedNode, store: Store) -> None:
    key = await _key(store, Tenant("acme"))
    async with serve(max_kept_sessions=2) as gateway, api(gateway.address, key) as client:
        talk = await client.started()
        await client.started()
        error = await failure(await client.starting())
        _check_exhausted(error, "QUOTA_EXCEEDED")
        await talk.say("the others go on")
        await talk.until_done(1)


async def test_kept_bytes(serve: Serve, scripted: ScriptedNode, store: Store) -> None:
    key = await _key(store, Tenant("acme", input_chars_per_minute=10**8))
    config = events_pb2.SessionConfig(system_prompt="語" * 16_384)
    request = pb.CreateSessionRequest(config=config)
    async with serve(max_kept_mib=1) as gateway, api(gateway.address, key) as client:
        made: list[str] = []
        for _ in range(2**20 // (config.ByteSize() + 1_024)):
            answer = await client.conversations.CreateSession(request, metadata=client.metadata)
            made.append(answer.session.session_id)
        with pytest.raises(grpc.aio.AioRpcError, match="are kept") as caught:
            await client.conversations.CreateSession(request, metadata=client.metadata)
        _check_exhausted(caught.value, "QUOTA_EXCEEDED")
        await client.conversations.CloseSession(
            pb.CloseSessionRequest(session_id=made[0]), metadata=client.metadata
        )
        await client.conversations.CreateSession(request, metadata=client.metadata)


async def test_a_config_is_paid_for(serve: Serve, scripted: ScriptedNode, store: Store) -> None:
    key = await _key(store, Tenant("small", input_chars_per_minute=1_000))
    request = pb.CreateSessionRequest(config=events_pb2.SessionConfig(system_prompt="x" * 600))
    async with serve() as gateway, api(gateway.address, key) as client:
        await client.conversations.CreateSession(request, metadata=client.metadata)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.conversations.CreateSession(request, metadata=client.metadata)
        _check_exhausted(caught.value, "QUOTA_EXCEEDED")


async def test_other_settings_are_paid_for(
    serve: Serve, scripted: ScriptedNode, store: Store
) -> None:
    config = events_pb2.SessionConfig(stop_strings=["x" * 250] * 16)
    key = await _key(store, Tenant("small", input_chars_per_minute=10_000))
    async with serve() as gateway, api(gateway.address, key) as client:
        talk = await client.started()
        for client_seq in range(1, 4):  # 4 kB each
            event = events_pb2.ClientEvent(client_seq=client_seq)
            event.session_update.config.CopyFrom(config)
            await talk.write(pb.ConverseRequest(event=event))
        _check_exhausted(await failure(talk), "QUOTA_EXCEEDED")


async def test_what_is_said_again_and_again_is_paid_for(
    serve: Serve, scripted: ScriptedNode, store: Store
) -> None:
    """The same text of one segment has nothing new, and is kept each time."""
    key = await _key(store, Tenant("small", input_chars_per_minute=5_000))
    async with serve() as gateway, api(gateway.address, key) as client:
        talk = await client.started()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await _repeat(talk, "x" * 4_000)
        _check_exhausted(caught.value, "QUOTA_EXCEEDED")
        assert "bytes of events" in str(caught.value.details())
        assert len([kind for kind in talk.kinds if kind == "response_done"]) >= 100_000 // 4_050


async def _repeat(talk: Talk, text: str) -> None:
    for client_seq in range(1, 1_000):
        await talk.write(revise(client_seq, text))
        await talk.until_done(client_seq)


async def test_streams_of_one_tenant_are_bounded(
    serve: Serve, scripted: ScriptedNode, store: Store
) -> None:
    """Also of those in which nothing was said yet."""
    greedy = await _key(store, Tenant("greedy"))
    modest = await _key(store, Tenant("modest"))
    async with (
        serve(max_streams=3, max_streams_of_tenant=2) as gateway,
        api(gateway.address, greedy) as many,
        api(gateway.address, modest) as one,
    ):
        silent = [many.converse() for _ in range(2)]
        async with waiting_for("both streams"):
            while gateway.num_streams < 2:
                await asyncio.sleep(0.001)
        _check_exhausted(await failure(many.converse()), "QUOTA_EXCEEDED")
        talk = await one.started()
        await talk.say("there is room for others")
        await talk.until_done(1)
        for each in silent:
            each.call.cancel()
