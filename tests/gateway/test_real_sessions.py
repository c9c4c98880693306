"""The gateway in front of real sessions and a real batching actor with a tiny model.

All on real sockets; only Ray is left out: the node agent's actors live in this process.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import grpc
import pytest

from duologue.actors.launching import ActorHandle
from duologue.actors.node_agent import NodeAgent
from duologue.actors.session_server import Bound, Ended, SessionServer
from duologue.client import SessionOver
from duologue.client.status import error_of, is_worth_resuming
from duologue.gateway.server import serving
from duologue.service_settings import GatewaySettings
from duologue.states import State
from duologue.store.valkey import EmbeddedValkey
from duologue.tenants import Tenant
from duologue.v1 import conversation_pb2 as pb
from duologue.v1 import events_pb2, session_pb2
from duologue.v1.session_pb2_grpc import SessionServiceStub
from tests.actors.premises import TENANT, Premises
from tests.gateway.talking import Api, Talk, api, close, details, failure
from tests.tiny_models import VOCAB_SIZE
from tests.waiting import waiting_for


@pytest.fixture(scope="module")
def valkey() -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey()
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


class InProcess:
    """A session actor without a process of its own."""

    def __init__(self, server: SessionServer) -> None:
        self.server = server
        self.address = server.address

    async def bind(self, *session: Any) -> Bound:
        return await self.server.bind(*session)

    async def next_end(self) -> Ended:
        return await self.server.ends.get()

    async def release(self, grace_ms: float, reason: str) -> None:
        self.server.drain(grace_ms, reason)

    async def end(self) -> None:
        await self.server.stop()


class Building:
    """Gives a node agent session actors that are up already, and which the test can reach."""

    def __init__(self, servers: Sequence[SessionServer]) -> None:
        self.servers = servers
        self._num_launched = 0

    async def launch(self) -> ActorHandle:
        if self._num_launched == len(self.servers):
            await asyncio.Event().wait()  # there are no more
        self._num_launched += 1
        return InProcess(self.servers[self._num_launched - 1])

    def holder(self, session_id: str) -> SessionServer:
        return next(each for each in self.servers if (TENANT, session_id) in each.sessions)


@pytest.fixture
async def premises(tmp_path: Path, valkey: EmbeddedValkey) -> AsyncIterator[Premises]:
    async with AsyncExitStack() as stack:
        premises = Premises(tmp_path, valkey.url, stack)
        await premises.open()
        premises.dictate(State.QUERY)
        yield premises


@pytest.fixture
async def building(premises: Premises) -> AsyncIterator[Building]:
    """A node with two actors."""
    building = Building([await premises.server() for _ in range(2)])
    sessions = replace(premises.settings.sessions, warm_actors=1)
    agent = NodeAgent(premises.store, building, sessions, node_id="here")
    await agent.start()
    yield building
    await agent.stop()


@pytest.fixture
async def client(building: Building, premises: Premises) -> AsyncIterator[Api]:
    await premises.store.put_tenant(Tenant(TENANT))
    key = (await premises.store.create_key(TENANT)).key
    settings = replace(premises.settings, gateway=GatewaySettings(port=0))
    async with (
        serving(settings, premises.store, random=Random(1)) as gateway,
        api(gateway.address, key) as client,
    ):
        yield client


async def _answered(talk: Talk) -> None:
    await talk.until_kind("response_done")


def _is_whole(*talks: Talk) -> bool:
    numbers = [number for talk in talks for number in talk.numbers]
    return numbers == list(range(1, len(numbers) + 1))


async def test_a_conversation(client: Api, building: Building) -> None:
    talk = await client.started()
    await talk.say("what is it?")
    await _answered(talk)
    await talk.write(close(2))
    await talk.rest()
    assert await talk.call.code() is grpc.StatusCode.OK
    assert talk.kinds[-1] == "session_closed"
    assert {"input_state", "response_started", "response_delta"} <= {*talk.kinds}
    assert _is_whole(talk)
    request = pb.GetTranscriptRequest(session_id=talk.session_id)
    found = await client.conversations.GetTranscript(request, metadata=client.metadata)
    assert [entry.role for entry in found.entries] == [pb.ROLE_USER, pb.ROLE_ASSISTANT]
    assert found.entries[1].text == talk.text


async def test_the_session_is_sent_to_another_actor(client: Api, building: Building) -> None:
    talk = await client.started()
    await talk.say("what is it?")
    await talk.until_kind("response_delta")
    building.holder(talk.session_id).drain(0, "it has to go")
    await talk.until(lambda event: event.HasField("session_moved"), "session_moved")
    await talk.say("and what else?")
    await _answered(talk)
    assert _is_whole(talk)


async def test_the_client_resumes_in_the_middle_of_a_reply(client: Api, building: Building) -> None:
    talk = await client.started()
    await talk.say("what is it?")
    await talk.until_kind("response_delta")
    talk.call.cancel()
    again = await client.resumed(talk)
    await _answered(again)
    assert _is_whole(talk, again)


async def test_a_newer_connection_replaces_the_older(client: Api, building: Building) -> None:
    talk = await client.started()
    again = await client.resumed(talk)
    await again.until_ready()
    assert (await failure(talk)).code() is grpc.StatusCode.ABORTED
    await again.say("what is it?")
    await _answered(again)
    assert _is_whole(again)


async def test_closing_from_outside_ends_the_conversation(client: Api, building: Building) -> None:
    talk = await client.started()
    request = pb.CloseSessionRequest(session_id=talk.session_id)
    await client.conversations.CloseSession(request, metadata=client.metadata)
    await talk.say("are you there?")
    assert (await failure(talk)).code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_who_lost_its_actor_gives_way_to_a_newer_connection(
    client: Api, building: Building
) -> None:
    """As a gateway attaches again that does not know yet that its client went elsewhere."""
    talk = await client.started()
    again = await client.resumed(talk)
    await again.until_ready()
    answer = await _attach(building, again, connection_number=0)
    assert answer.HasField("replaced")
    await again.say("what is it?")
    await _answered(again)


async def test_a_gateway_that_attaches_again_before_the_actor_knows_keeps_its_client(
    client: Api, building: Building
) -> None:
    """The actor still has the stream that broke: it is the same connection's, not another's."""
    talk = await client.started()
    answer = await _attach(building, talk, connection_number=0)
    assert answer.HasField("welcome")
    await talk.say("what is it?")
    await _answered(talk)
    assert _is_whole(talk)


async def _attach(
    building: Building, talk: Talk, *, connection_number: int
) -> session_pb2.AttachResponse:
    """What the session's actor answers to a stream that ends then."""
    hello = session_pb2.Hello(
        tenant_id=TENANT,
        session_id=talk.session_id,
        epoch=talk.told[0].epoch,
        last_server_seq=talk.last_server_seq,
        connection_number=connection_number,
    )
    holder = building.holder(talk.session_id)
    async with grpc.aio.insecure_channel(holder.address) as channel:
        call = SessionServiceStub(channel).Attach()
        async with waiting_for("the actor's answer"):
            await call.write(session_pb2.AttachRequest(hello=hello))
            answer = await call.read()
        assert isinstance(answer, session_pb2.AttachResponse)
        return answer


async def test_a_client_learns_that_the_sessions_model_is_gone(
    client: Api, building: Building, premises: Premises
) -> None:
    """At once, and why: no other attempt would mend it."""
    talk = await client.started()
    await talk.say("what is it?")
    await _answered(talk)
    await premises.start_batcher(vocab_size=VOCAB_SIZE - 8)
    await premises.batchers[0].stop()
    building.holder(talk.session_id).drain(0, "it has to go")
    error = await failure(talk)
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert details(error)["ErrorInfo"].reason == "MODEL_UNAVAILABLE"  # type: ignore[attr-defined]
    assert "begin a new session" in (error.details() or "")
    assert not is_worth_resuming(error)
    assert isinstance(error_of(error), SessionOver)


async def test_a_session_asks_for_a_model_by_name(client: Api, premises: Premises) -> None:
    talk = await client.starting(events_pb2.SessionConfig(model="tiny"))
    await talk.until_ready()
    await talk.say("what is it?")
    await _answered(talk)
    refused = await failure(await client.starting(events_pb2.SessionConfig(model="huge")))
    assert refused.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "config.model must be 'tiny'" in (refused.details() or "")
