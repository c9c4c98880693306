"""A node agent on real sockets and a real store; its actors live in the test's process."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from grpc import aio

from duologue.actors import node_agent
from duologue.actors.launching import ActorLost
from duologue.actors.node_agent import NodeAgent
from duologue.actors.session_server import Bound, Ended, SessionServer
from duologue.cluster_status import NodeStatus
from duologue.errors import CapacityExceeded, InvalidInput, UnknownSession
from duologue.events import ResponseDone, ResponseStarted, SessionClose
from duologue.service_settings import SessionSettings
from duologue.states import State
from duologue.store.valkey import EmbeddedValkey
from duologue.v1 import node_pb2 as pb
from duologue.v1.node_pb2_grpc import NodeServiceStub
from tests.actors.guest import Guest
from tests.actors.premises import TENANT, Premises
from tests.waiting import waiting_for


class NearHandle:
    """A session actor in this process, which can be killed."""

    def __init__(self, server: SessionServer) -> None:
        self.server = server
        self.address = server.address
        self.dead = asyncio.Event()

    async def bind(self, tenant_id: str, session_id: str, known_epoch: int) -> Bound:
        self._check()
        return await self.server.bind(tenant_id, session_id, known_epoch)

    async def next_end(self) -> Ended:
        end = asyncio.ensure_future(self.server.ends.get())
        death = asyncio.ensure_future(self.dead.wait())
        try:
            await asyncio.wait({end, death}, return_when=asyncio.FIRST_COMPLETED)
            self._check()
            return end.result()
        finally:
            end.cancel()
            death.cancel()

    async def release(self, grace_ms: float, reason: str) -> None:
        self._check()
        self.server.drain(grace_ms, reason)

    async def end(self) -> None:
        self.dead.set()
        await self.server.stop()

    def _check(self) -> None:
        if self.dead.is_set():
            raise ActorLost("killed")


class NearLauncher:
    """Actors in this process."""

    def __init__(self, premises: Premises) -> None:
        self._premises = premises
        self.handles: list[NearHandle] = []
        self.failures: list[Exception] = []
        """What the next launches end with."""

    async def launch(self) -> NearHandle:
        if self.failures:
            raise self.failures.pop()
        handle = NearHandle(await self._premises.server())
        self.handles.append(handle)
        return handle


class Node:
    """An agent, its launcher, and the premises."""

    def __init__(self, premises: Premises, stack: AsyncExitStack) -> None:
        self.premises = premises
        self.stack = stack

    async def start(
        self, node_id: str = "here", failures: Sequence[Exception] = (), **sessions: int
    ) -> NodeAgent:
        self.launcher = NearLauncher(self.premises)
        self.launcher.failures = list(failures)
        settings = SessionSettings(**sessions)
        agent = NodeAgent(
            await self.premises.another_store(), self.launcher, settings, node_id=node_id
        )
        await agent.start()
        self.stack.push_async_callback(agent.stop)
        return agent


@pytest.fixture
async def node(tmp_path: Path, valkey: EmbeddedValkey) -> AsyncIterator[Node]:
    async with AsyncExitStack() as stack:
        premises = Premises(tmp_path, valkey.url, stack)
        await premises.open()
        premises.dictate(State.QUERY)
        yield Node(premises, stack)


async def guest_at(node: Node, bound: Bound, session_id: str) -> Guest:
    guest = Guest(TENANT, session_id)
    node.stack.push_async_callback(guest.detach)
    await guest.attach(bound)
    return guest


async def test_many_bindings_of_one_session_at_once_are_one(node: Node) -> None:
    agent = await node.start(warm_actors=2)
    session_id = await node.premises.session()
    bounds = await asyncio.gather(*(agent.bind(TENANT, session_id, 0) for _ in range(8)))
    assert set(bounds) == {Bound(bounds[0].address, 1)}
    assert agent.pool.num_bound == 1


async def test_two_nodes_that_bind_at_once_agree_on_one(node: Node) -> None:
    agent, other = await node.start(warm_actors=1), await node.start("there", warm_actors=1)
    session_id = await node.premises.session()
    first, second = await asyncio.gather(
        agent.bind(TENANT, session_id, 0), other.bind(TENANT, session_id, 0)
    )
    assert first == second
    assert agent.pool.num_bound + other.pool.num_bound == 1


async def test_a_dead_actor_is_replaced_and_its_session_comes_alive_again(node: Node) -> None:
    agent = await node.start(warm_actors=1)
    session_id = await node.premises.session()
    bound = await agent.bind(TENANT, session_id, 0)
    guest = await guest_at(node, bound, session_id)
    await guest.say("what is it?")
    await guest.until_event(ResponseStarted)
    await guest.detach()
    held = next(h for h in node.launcher.handles if h.address == bound.address)
    held.dead.set()
    again = await agent.bind(TENANT, session_id, bound.epoch)
    assert again.epoch == bound.epoch + 1
    assert again.address != bound.address
    await guest.attach(again)
    await guest.until_event(ResponseDone)


async def test_one_whose_stream_broke_is_bound_anew_under_a_higher_epoch(node: Node) -> None:
    agent = await node.start(warm_actors=1)
    session_id = await node.premises.session()
    bound = await agent.bind(TENANT, session_id, 0)
    assert await agent.bind(TENANT, session_id, 0) == bound
    again = await agent.bind(TENANT, session_id, bound.epoch)
    assert again == Bound(bound.address, bound.epoch + 1)


async def test_a_full_node_refuses_and_has_room_again_when_a_session_closes(node: Node) -> None:
    agent = await node.start(warm_actors=1, max_sessions=1)
    first, second = await node.premises.session(), await node.premises.session()
    bound = await agent.bind(TENANT, first, 0)
    with pytest.raises(CapacityExceeded, match="has 1 live sessions"):
        await agent.bind(TENANT, second, 0)
    guest = await guest_at(node, bound, first)
    await guest.send(SessionClose())
    await guest.until_over()
    async with waiting_for("an empty place", lambda: agent.pool.num_bound), agent._change:
        await agent._change.wait_for(lambda: agent.pool.num_bound == 0)
    assert (await agent.bind(TENANT, second, 0)).epoch == 1


async def test_a_session_waits_for_an_actor_when_none_is_warm(node: Node) -> None:
    agent = await node.start(warm_actors=0)
    assert (await agent.bind(TENANT, await node.premises.session(), 0)).epoch == 1


async def test_what_cannot_be_bound_costs_nothing(node: Node) -> None:
    agent = await node.start(warm_actors=1)
    with pytest.raises(UnknownSession):
        await agent.bind(TENANT, "nobody", 0)
    with pytest.raises(InvalidInput):
        await agent.bind(TENANT, "no/body", 0)
    assert agent.pool.num_bound == 0


async def test_it_announces_itself_and_is_drained(node: Node) -> None:
    agent = await node.start("drained", warm_actors=1)
    session_id = await node.premises.session()
    bound = await agent.bind(TENANT, session_id, 0)
    guest = await guest_at(node, bound, session_id)
    async with aio.insecure_channel(agent.address) as channel:
        told = await NodeServiceStub(channel).Drain(pb.DrainRequest())
        refused = await NodeServiceStub(channel).Bind(
            pb.BindRequest(tenant_id=TENANT, session_id=await node.premises.session())
        )
    assert told.sessions == 1
    assert refused.error.code == "capacity_exceeded"
    await guest.until_over()
    assert guest.farewell is not None
    assert guest.farewell.leaving.reason == "the node is being drained"
    status = next(n for n in await node.premises.store.nodes() if n.node_id == "drained")
    assert status.is_draining


async def test_an_actor_that_lost_its_lease_is_ended(node: Node) -> None:
    agent = await node.start(warm_actors=1)
    session_id = await node.premises.session()
    bound = await agent.bind(TENANT, session_id, 0)
    place = agent.pool.of((TENANT, session_id))
    assert place is not None
    place.epoch = bound.epoch - 1  # as if it had not heard that it was overtaken
    await agent._reap()
    assert agent.pool.of((TENANT, session_id)) is place
    await agent._reap()
    assert agent.pool.of((TENANT, session_id)) is None


async def test_an_actor_that_does_not_start_is_started_again_whatever_the_cause(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_agent, "RELAUNCH_AFTER_S", 0.0)
    failures = [ActorLost("it did not come up"), RuntimeError("a fault")]
    agent = await node.start(failures=failures, warm_actors=1)
    async with waiting_for("an actor that starts"):
        await agent.wait_warm()


async def test_an_actor_of_which_nothing_can_be_heard_any_more_is_replaced(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_agent, "RELAUNCH_AFTER_S", 0.0)
    is_faulty = asyncio.Event()

    async def fails(_handle: NearHandle) -> Ended:
        await is_faulty.wait()
        raise RuntimeError("a fault")

    with monkeypatch.context() as patch:
        patch.setattr(NearHandle, "next_end", fails)
        agent = await node.start(warm_actors=1)
        await agent.wait_warm()
    await agent.bind(TENANT, await node.premises.session(), 0)
    handle = node.launcher.handles[0]
    is_faulty.set()
    async with waiting_for("the end of the actor"):
        await handle.dead.wait()
    assert agent.pool.num_bound == 0


async def test_it_goes_on_announcing_itself_after_a_fault(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_agent, "ANNOUNCE_EVERY_S", 0.001)
    agent = await node.start("faulty", warm_actors=0)
    announce, is_told_again = agent._store.announce_node, asyncio.Event()
    faults = [RuntimeError("a fault")]

    async def announce_node(status: NodeStatus, ttl_ms: int = 5_000) -> bool:
        if faults:
            raise faults.pop()
        is_told_again.set()
        return await announce(status, ttl_ms)

    monkeypatch.setattr(agent._store, "announce_node", announce_node)
    async with waiting_for("another announcement"):
        await is_told_again.wait()
