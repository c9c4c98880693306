"""Whatever becomes of a session's actors, its client is told everything once, in order."""

import asyncio
from collections.abc import Mapping
from random import Random
from typing import Any

import grpc
import pytest

from duologue.errors import (
    BatcherUnavailable,
    CapacityExceeded,
    DuologueError,
    InvalidInput,
    LeaseHeld,
    SessionEnded,
    StaleEpoch,
    StoreUnavailable,
)
from duologue.gateway.backoff import Backoff
from duologue.store.store import Store
from tests.gateway.conftest import Serve
from tests.gateway.scripted import EVENTS_PER_INPUT, Fault, ScriptedNode, World, node
from tests.gateway.talking import START, Api, Talk, api, append, close, details, failure
from tests.waiting import waiting_for

INPUTS = 2
ALL = list(range(1, INPUTS * EVENTS_PER_INPUT + 2))
STEPS = 30
"""More than a conversation of so many inputs takes without a fault."""


async def _hold(client: Api) -> Talk:
    """A conversation of a few inputs, each said as soon as the answer to the last one began."""
    talk = client.converse()
    await talk.write(START)
    for number in range(1, INPUTS + 1):
        await talk.say(f"input {number}")
        await talk.until_text(number)
    await talk.write(close(INPUTS + 1))
    await talk.rest()
    return talk


async def _check(client: Api, world: World, faults: Mapping[int, Fault]) -> None:
    world.faults, world.num_steps = dict(faults), 0
    talk = await _hold(client)
    assert await talk.call.code() is grpc.StatusCode.OK, await talk.call.details()
    assert talk.numbers == ALL
    story = world.story(talk.session_id)
    assert [event.client_seq for event in story.said] == list(range(1, INPUTS + 2))
    assert talk.kinds.count("session_ready") == 1


@pytest.mark.parametrize("fault", Fault)
async def test_one_fault_at_every_step(client: Api, world: World, fault: Fault) -> None:
    for step in range(1, STEPS):
        await _check(client, world, {step: fault})
    assert world.num_steps < STEPS, "the last steps were beyond the conversation's end"


@pytest.mark.parametrize("seed", range(25))
async def test_many_faults(client: Api, world: World, seed: int) -> None:
    random = Random(seed)
    share = random.random() * 0.6
    steps = [step for step in range(1, 100) if random.random() < share]
    await _check(client, world, {step: random.choice(list(Fault)) for step in steps})


@pytest.mark.parametrize("fault", Fault)
async def test_the_client_breaks_off_everywhere_and_resumes(
    client: Api, world: World, fault: Fault
) -> None:
    """Also while actors come and go, and with the client's own events sent again."""
    for num_read in range(1, EVENTS_PER_INPUT + 1):
        world.faults, world.num_steps = {num_read + 3: fault}, 0
        talk = await client.started()
        await talk.say("hello")
        while len(talk.numbers) < num_read:
            await talk.next()
        talk.call.cancel()
        again = await client.resumed(talk)
        await again.until_ready()
        for client_seq in range(again.ready.last_client_seq + 1, 2):
            await again.say("hello", client_seq)
        await again.say("more", 2)
        await again.until_done(2)
        assert talk.numbers + again.numbers == list(range(1, 2 * EVENTS_PER_INPUT + 1))
        assert len(world.story(talk.session_id).said) == 2


async def test_a_move_is_told(client: Api, world: World) -> None:
    talk = await client.started()
    world.faults = {world.num_steps + 1: Fault.LEAVE}
    await talk.say("hello")
    await talk.until_done(1)
    moved = next(event for event in talk.told if event.HasField("session_moved"))
    assert moved.session_moved.reason == "scripted to leave"
    assert moved.server_seq == 0
    assert moved.epoch == 2


async def test_a_sleeping_session_is_woken_by_the_next_input(
    client: Api, world: World, scripted: ScriptedNode
) -> None:
    talk = await client.started()
    await talk.say("hello")
    await talk.until_done(1)
    story = world.story(talk.session_id)
    await story.sleep()
    assert scripted.num_binds == 1
    await talk.say("wake up")
    await talk.until_done(2)
    assert scripted.num_binds == 2
    assert talk.numbers == list(range(1, 2 * EVENTS_PER_INPUT + 1))
    assert "session_moved" not in talk.kinds


async def test_a_second_connection_replaces_one_whose_session_sleeps(
    client: Api, world: World
) -> None:
    talk = await client.started()
    await world.story(talk.session_id).sleep()
    again = await client.resumed(talk)
    await again.until_ready()
    assert (await failure(talk)).code() is grpc.StatusCode.ABORTED


async def test_a_node_that_is_full_or_gone_is_passed_over(
    serve: Serve, store: Store, world: World, key: str
) -> None:
    async with (
        node(world, store, "a-gone") as gone,
        node(world, store, "b-full") as full,
        node(world, store, "c-open") as open_,
        serve() as gateway,
        api(gateway.address, key) as client,
    ):
        full.refuses = CapacityExceeded("this node is full")
        await open_.announce(sessions=5)  # so that the others are asked first
        await gone.announce()
        gone.address = "127.0.0.1:1"
        await gone.announce()
        talk = await client.started()
        await talk.say("hello")
        await talk.until_done(1)
        assert (full.num_binds, open_.num_binds) == (1, 1)


async def test_the_least_loaded_node_is_asked_first(
    serve: Serve, store: Store, world: World, key: str
) -> None:
    async with (
        node(world, store, "a") as busy,
        node(world, store, "b") as idle,
        node(world, store, "c") as draining,
        serve() as gateway,
        api(gateway.address, key) as client,
    ):
        await busy.announce(sessions=3)
        await idle.announce(sessions=1)
        await draining.announce(is_draining=True)
        await client.started()
        assert (busy.num_binds, idle.num_binds, draining.num_binds) == (0, 1, 0)


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (SessionEnded("it is closed"), grpc.StatusCode.FAILED_PRECONDITION),
        (InvalidInput("config.seed must be another"), grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_what_no_other_node_could_mend_is_told(
    client: Api, scripted: ScriptedNode, refusal: DuologueError, code: grpc.StatusCode
) -> None:
    scripted.refuses = refusal
    talk = client.converse()
    await talk.write(START)
    error = await failure(talk)
    assert error.code() is code
    assert error.details() == str(refusal)


@pytest.mark.parametrize(
    "refusal",
    [
        StaleEpoch("older"),
        LeaseHeld("held"),
        BatcherUnavailable("no model"),
        StoreUnavailable("no store"),
        DuologueError("unheard of"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_passes_is_tried_again(
    client: Api, world: World, scripted: ScriptedNode, refusal: DuologueError
) -> None:
    talk = await client.started()
    world.refusals = [refusal, refusal]
    world.faults = {world.num_steps + 2: Fault.BREAK}
    await talk.say("hello")
    await talk.until_done(1)
    assert world.refusals == []
    assert talk.numbers == list(range(1, EVENTS_PER_INPUT + 1))


async def test_events_that_are_no_longer_kept(client: Api, world: World) -> None:
    talk = await client.started()
    world.refusals = [CapacityExceeded("the 7 events after 3 are not kept any more")]
    again = await client.resumed(talk)
    assert (await failure(again)).code() is grpc.StatusCode.OUT_OF_RANGE


async def test_trying_again_has_an_end(
    serve: Serve, scripted: ScriptedNode, world: World, key: str
) -> None:
    backoff = Backoff(first_ms=1, max_ms=2, within_ms=0)
    async with serve(backoff) as gateway, api(gateway.address, key) as client:
        world.faults = dict.fromkeys(range(1, 1000), Fault.BREAK)
        talk = client.converse()
        await talk.write(START)
        error = await failure(talk)
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert details(error)["ErrorInfo"].reason == "SESSION_LOST"  # type: ignore[attr-defined]
        assert "RetryInfo" in details(error)


async def test_two_gateways(serve: Serve, scripted: ScriptedNode, world: World, key: str) -> None:
    """A client goes to another gateway, also when the first does not know yet that it went."""
    async with (
        serve() as one,
        serve() as two,
        api(one.address, key) as first,
        api(two.address, key) as second,
    ):
        talk = await first.started()
        await talk.say("hello")
        await talk.until_text(1)
        again = await second.resumed(talk)
        await again.until_ready()
        assert (await failure(talk)).code() is grpc.StatusCode.ABORTED
        await again.say("more", 2)
        await again.until_done(2)
        seen = sorted({*talk.numbers, *again.numbers})
        assert seen == list(range(1, 2 * EVENTS_PER_INPUT + 1))
        assert scripted.num_binds == 1


class _SlowStore:
    """The store, but that leave to say something is given when the test wants it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.is_asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def allow(self, tenant_id: str, kind: str, amount: int, rate: int, **bounds: int) -> int:
        if kind == "input_chars":
            self.is_asked.set()
            await self.may_answer.wait()
        return await self._store.allow(tenant_id, kind, amount, rate, **bounds)


async def test_an_event_that_an_older_connection_brings_meanwhile_is_a_repeat(
    serve: Serve, scripted: ScriptedNode, store: Store, world: World, key: str
) -> None:
    """The client said it twice, and the first comes while the second waits for its quota."""
    slow = _SlowStore(store)
    async with serve(store=slow) as gateway, api(gateway.address, key) as client:
        talk = await client.started()
        await talk.say("hello")
        async with waiting_for("the question for the quota"):
            await slow.is_asked.wait()
        story = world.story(talk.session_id)
        story.take(append(1, "hello").event)
        story.news.tell()
        await talk.until_done(1)
        slow.may_answer.set()
        await talk.say("more")
        await talk.until_done(2)
        assert talk.numbers == list(range(1, 2 * EVENTS_PER_INPUT + 1))


async def test_two_gateways_do_not_take_a_session_from_each_other(
    serve: Serve, scripted: ScriptedNode, world: World, key: str
) -> None:
    """The actor goes while the older gateway still thinks that it has the client."""
    async with (
        serve() as one,
        serve() as two,
        api(one.address, key) as first,
        api(two.address, key) as second,
    ):
        talk = await first.started()
        story = world.story(talk.session_id)
        await story.sleep()
        again = await second.resumed(talk)
        await again.until_ready()
        # The older one wakes, and finds that there is a newer one.
        await talk.say("from the older connection", 1)
        assert (await failure(talk)).code() is grpc.StatusCode.ABORTED
        await again.say("from the newer", 1)
        await again.until_done(1)
        assert [event.input_append.text for event in story.said] == ["from the newer"]
