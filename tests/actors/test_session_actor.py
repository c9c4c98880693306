"""Session actors, node agents and batching actors on a real Ray of two nodes, with a real store."""

import asyncio
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from duologue.actors.cluster import LocalCluster
from duologue.events import (
    ContextAppend,
    ResponseCreate,
    ResponseDone,
    ResponseStarted,
    SessionClose,
    SessionClosed,
    ToolCall,
    ToolResult,
)
from duologue.session.transcript import Outcome
from duologue.session_config import SessionConfig
from duologue.store.valkey import EmbeddedValkey
from duologue.tools import Tool
from tests.actors.caller import TENANT, Caller, process_at, tiny_settings
from tests.calling_model import ANSWER, ARGUMENTS, LOOKING, write_calling_model
from tests.waiting import RAY_WITHIN_S, waiting_for

pytestmark = [
    # One worker runs all tests that start Ray: two clusters at once do not fit on two cores.
    pytest.mark.xdist_group("ray"),
    # Ray starts a dozen processes for a cluster, and another one for whatever was killed: up to
    # 20 s for a test where nobody else is at work.
    pytest.mark.timeout(300),
]


GREETING = "Hello, who is there?"


@pytest.fixture(scope="module")
def ray_address() -> Iterator[str]:
    """Two nodes on this machine."""
    os.environ["RAY_AUTH_MODE"] = "disabled"
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    sizes: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={"include_dashboard": False, **sizes})
    cluster.add_node(**sizes)
    yield cluster.address
    cluster.shutdown()  # type: ignore[no-untyped-call]


@pytest_asyncio.fixture(scope="module")
async def cluster(
    ray_address: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LocalCluster]:
    async with EmbeddedValkey() as valkey:
        settings = tiny_settings(
            tmp_path_factory.mktemp("model") / "tiny",
            valkey.url,
            num_batchers=2,
            write=write_calling_model,
        )
        async with LocalCluster(settings, ray_address, with_gateway=False) as cluster:
            yield cluster


async def test_a_conversation_in_a_process_without_torch(cluster: LocalCluster) -> None:
    client = await Caller.create(cluster.store, "talks")
    await client.bind()
    await client.ask()
    await client.until_event(ResponseDone)
    process = process_at(client.bound.address)
    mapped = {Path(each.path).name for each in process.memory_maps()}
    assert any("cygrpc" in name for name in mapped)
    assert not [name for name in mapped if "torch" in name]
    await client.detach()


async def test_kill_9_of_the_session_actor(cluster: LocalCluster) -> None:
    client = await Caller.create(cluster.store, "loses-its-actor")
    await client.bind()
    await client.ask()
    await client.until_event(ResponseStarted)
    process_at(client.bound.address).kill()
    await client.until_over()
    await client.bind()
    await client.until_event(ResponseDone)
    await client.send(SessionClose())
    await client.until_event(SessionClosed)
    said = await cluster.store.transcript(TENANT, client.session_id)
    assert said[-1].text == client.text
    await client.detach()


async def test_kill_9_of_the_batching_actor(cluster: LocalCluster) -> None:
    client = await Caller.create(cluster.store, "loses-its-batcher")
    await client.bind()
    await client.ask()
    await client.until_event(ResponseStarted)
    taken = [b for b in await cluster.store.batchers() if b.sessions]
    for batcher in taken or await cluster.store.batchers():
        process_at(batcher.address).kill()
    await client.until_event(ResponseDone)
    await client.ask()
    await client.until_event(ResponseDone, 2)
    await client.detach()


async def test_kill_9_with_a_note_a_greeting_and_a_call(cluster: LocalCluster) -> None:
    """All that a session knows and owes besides its microphone outlives its processes, once."""
    config = SessionConfig(tools=(Tool("get_weather", "How it is."),), temperature=0.0)
    client = await Caller.create(cluster.store, "knows-more", config)

    async def kill_and_come_back() -> None:
        process_at(client.bound.address).kill()
        await client.until_over()
        await client.bind()

    await client.bind()
    await client.send(ContextAppend("system", "It is Monday."))
    await client.send(ResponseCreate("Be kind.", GREETING))
    await client.until_event(ResponseStarted)
    await kill_and_come_back()
    await client.until_event(ResponseDone)
    await client.ask()
    await client.until_event(ResponseStarted, 2)
    await kill_and_come_back()
    await client.until_event(ToolCall)
    await client.send(ToolResult("call_1", "It pours."))
    await kill_and_come_back()
    for batcher in await cluster.store.batchers():
        process_at(batcher.address).kill()
    await client.until_event(ResponseDone, 3)
    await client.close()
    assert client.text == GREETING + LOOKING + ANSWER
    assert sum(isinstance(event, ToolCall) for event in client.events) == 1
    entries = await cluster.store.transcript(TENANT, client.session_id)
    assert [(entry.text, entry.outcome) for entry in entries] == [
        ("It is Monday.", Outcome.NOTED),
        ("Be kind.", Outcome.NOTED),
        (GREETING, Outcome.COMPLETE),
        ("what is it?", Outcome.ANSWERED),
        (LOOKING, Outcome.COMPLETE),
        (f'{{"name": "get_weather", "arguments": {ARGUMENTS}}}', Outcome.CALLED),
        ("It pours.", Outcome.NOTED),
        (ANSWER, Outcome.COMPLETE),
    ]


async def test_kill_9_of_the_node_agent(cluster: LocalCluster) -> None:
    client = await Caller.create(cluster.store, "loses-its-agent")
    node = (await client.nodes())[0]
    await client.bind(node)
    await client.ask()
    await client.until_event(ResponseStarted)
    process_at(node.address).kill()
    await client.until_over()  # its actors end with it
    await client.bind()
    await client.until_event(ResponseDone)
    await client.detach()


async def test_a_pool_is_refilled(cluster: LocalCluster) -> None:
    client = await Caller.create(cluster.store, "takes-a-warm-one")
    await client.bind()
    async with waiting_for("a warm actor at each node", within_s=RAY_WITHIN_S):
        while not all(node.warm_actors for node in await cluster.store.nodes()):
            await asyncio.sleep(0.05)
    await client.detach()


async def test_a_node_is_drained_and_its_sessions_go_on_at_the_other(
    cluster: LocalCluster,
) -> None:
    client = await Caller.create(cluster.store, "moves")
    first = (await client.nodes())[0]
    await client.bind(first)
    await client.ask()
    await client.until_event(ResponseStarted)
    await cluster.store.mark_draining(first.node_id)
    await client.until_over()
    assert client.farewell is not None
    assert client.farewell.WhichOneof("response") == "leaving"
    other = next(n for n in await client.nodes() if n.node_id != first.node_id)
    await client.bind(other)
    await client.until_event(ResponseDone)
    await client.ask()
    await client.until_event(ResponseDone, 2)
    await client.detach()


def is_agent(process: psutil.Process) -> bool:
    """Ray's own two agents look for their head for a minute, by Ray's constant, and then end."""
    try:
        return process.name().startswith(("ray::Dashboard", "ray::RuntimeEnv"))
    except psutil.NoSuchProcess:
        return False


PROGRAM = """
import asyncio, pickle, signal, sys
from duologue.actors.cluster import LocalCluster

# Tests that run in the background of a shell inherit that it ignores this signal.
signal.signal(signal.SIGINT, signal.default_int_handler)

async def main():
    with open(sys.argv[1], "rb") as file:
        settings = pickle.load(file)
    async with LocalCluster(settings, say=lambda line: print(line, flush=True)):
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
async def test_nothing_is_left_behind(tmp_path: Path, number: signal.Signals) -> None:
    settings = tiny_settings(tmp_path / "tiny")
    (tmp_path / "settings").write_bytes(pickle.dumps(settings))
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "settings")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert program.stdout is not None
        lines = iter(program.stdout.readline, "")
        assert any(line == "ready\n" for line in lines), "it did not start"
        started = psutil.Process(program.pid).children(recursive=True)
        names = {name for each in started for name in each.cmdline()}
        assert any("valkey" in name for name in names)
        assert any("raylet" in name for name in names)
        assert "duologue.gateway" in names
        agents = [each.pid for each in started if is_agent(each)]
        program.send_signal(number)
        program.wait(RAY_WITHIN_S)
    finally:
        program.kill()
        program.communicate(timeout=RAY_WITHIN_S)
    awaited = started if number == signal.SIGINT else [p for p in started if p.pid not in agents]
    _, alive = await asyncio.to_thread(psutil.wait_procs, awaited, RAY_WITHIN_S)
    assert [each for each in alive if each.status() != psutil.STATUS_ZOMBIE] == []
