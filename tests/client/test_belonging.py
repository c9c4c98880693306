"""A client is of one process and one event loop, and says so elsewhere."""

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any

import pytest

from duologue.client import Client, SessionConfig, UsedElsewhere, connect
from tests.client.service import KEY, EchoService, no_address, serving
from tests.waiting import waiting_for


async def in_another_loop(work: Callable[[], Coroutine[Any, Any, object]]) -> object:
    """Run it in a loop of another thread."""
    done: Future[object] = Future()

    def run() -> None:
        try:
            done.set_result(asyncio.run(work()))
        except Exception as error:
            done.set_exception(error)

    thread = threading.Thread(target=run)
    thread.start()
    async with waiting_for("the other loop"):
        try:
            return await asyncio.wrap_future(done)
        finally:
            await asyncio.to_thread(thread.join)


async def converse(client: Client) -> None:
    async with client.converse(SessionConfig()):
        pass


@pytest.mark.parametrize(
    "use",
    [converse, lambda client: client.get_session("x"), lambda client: client.aclose()],
    ids=["converse", "call", "close"],
)
async def test_another_event_loop_is_refused(use: Callable[[Client], Any]) -> None:
    async with serving(EchoService()) as address, connect(address, api_key=KEY) as client:
        await converse(client)
        with pytest.raises(UsedElsewhere, match=r"another event loop, .*connect\(\) in each loop"):
            await in_another_loop(lambda: use(client))
        await converse(client)  # it goes on where it belongs


async def test_a_conversation_is_of_the_same_loop() -> None:
    async with (
        serving(EchoService()) as address,
        connect(address, api_key=KEY) as client,
        client.converse() as conversation,
    ):
        for use in (conversation.commit, conversation.__anext__, conversation.leave):
            with pytest.raises(UsedElsewhere):
                await in_another_loop(use)


async def test_a_loop_that_is_gone_is_named_so() -> None:
    client = connect("127.0.0.1:1", api_key=KEY)

    async def use() -> None:
        client._routes.belonging.require()

    await in_another_loop(use)
    with pytest.raises(UsedElsewhere, match="which is closed"):
        await client.get_session("x")


FORKING = """
import asyncio, gc, os, sys
from duologue.client import ClientError, Unreachable, connect
from duologue.client import sync

client = connect(sys.argv[1], api_key="key")
waiting = sync.connect(sys.argv[1], api_key="key")

async def use():
    try:
        await client.get_session("x")
    except Unreachable:
        print("the parent may use it", flush=True)

asyncio.run(use())
try:
    waiting.get_session("x")
except Unreachable:
    print("and the one that waits", flush=True)

def told(call):
    try:
        call()
    except ClientError as error:
        print(type(error).__name__, error, flush=True)

# Calls that have failed lie in cycles; collected behind a fork, gRPC waits for a thread of before.
gc.collect()
if os.fork() == 0:
    told(lambda: asyncio.run(use()))
    told(lambda: waiting.get_session("x"))
    waiting.close()
    print("closed", flush=True)
    os._exit(0)
os.wait()
waiting.close()
"""


async def test_behind_a_fork_it_is_refused() -> None:
    with no_address() as address:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", FORKING, address, stdout=asyncio.subprocess.PIPE
        )
        async with waiting_for("the forking program"):
            output, _ = await process.communicate()
    lines = output.decode().splitlines()
    assert lines[:2] == ["the parent may use it", "and the one that waits"]
    assert len(lines) == 5, lines
    for line in lines[2:4]:
        assert line.startswith("UsedElsewhere this client was connected in process ")
        assert line.endswith("call connect() in each process, after the fork")
    assert lines[4] == "closed"
    assert process.returncode == 0
