"""A gateway as a process of its own: how it starts, drains, and dies."""

import asyncio
import os
import signal
import sys
import textwrap
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from duologue.actors.gateway_child import GatewayChild
from duologue.actors.gateway_keeper import GatewayKeeper
from duologue.client import Conversation, ResponseDone, connect
from duologue.service_settings import GatewaySettings, StoreSettings, TelemetrySettings
from duologue.settings import Settings
from duologue.store.store import Store
from tests.gateway.scripted import ScriptedNode
from tests.gateway.talking import api, failure

Process = asyncio.subprocess.Process


@pytest.fixture
def flags(store_settings: StoreSettings, tmp_path: Path) -> list[str]:
    return [
        *("-s", f"store.url={store_settings.url}", "-s", "gateway.port=0"),
        *("-s", f"telemetry.trace_dir={tmp_path / 'traces'}"),
        *("--ready-file", str(tmp_path / "address")),
    ]


@asynccontextmanager
async def started(*flags: str) -> AsyncIterator[Process]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DUOLOGUE_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "duologue.gateway", *flags),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def _address(process: Process) -> str:
    """As it prints it when it serves."""
    assert process.stdout is not None
    async for line in process.stdout:
        words = line.decode().split()
        if words[:3] == ["gateway", "listens", "at"]:
            return words[3]
    assert process.stderr is not None
    raise AssertionError((await process.stderr.read()).decode())


async def test_sigterm_drains(
    flags: list[str], scripted: ScriptedNode, key: str, tmp_path: Path, store: Store
) -> None:
    async with started(*flags, "-s", "gateway.drain_ms=600000") as process:
        address = await _address(process)
        assert (tmp_path / "address").read_text().strip() == address
        async with api(address, key) as client:
            talk = await client.started()
            process.send_signal(signal.SIGTERM)
            await talk.until(lambda event: event.HasField("go_away"))
            await talk.say("to the end")
            await talk.until_done(1)
            await talk.call.done_writing()
            await talk.rest()
            assert await talk.call.code() is grpc.StatusCode.OK
            assert await process.wait() == 0
    assert list((tmp_path / "traces").glob("gateway-*")), "the session's opening was traced"


async def test_a_second_signal_stops_at_once(
    flags: list[str], scripted: ScriptedNode, key: str
) -> None:
    async with (
        started(*flags, "-s", "gateway.drain_ms=600000") as process,
        api(await _address(process), key) as client,
    ):
        talk = await client.started()
        process.send_signal(signal.SIGTERM)
        await talk.until(lambda event: event.HasField("go_away"))
        process.send_signal(signal.SIGTERM)
        assert (await failure(talk)).code() is grpc.StatusCode.UNAVAILABLE
        assert await process.wait() == 0


async def test_a_killed_gateway_loses_nothing(
    flags: list[str], scripted: ScriptedNode, key: str
) -> None:
    async with started(*flags) as one, started(*flags) as two:
        first, second = await _address(one), await _address(two)
        async with api(first, key) as client, api(second, key) as other:
            talk = await client.started()
            await talk.say("hello")
            await talk.until_text(1)
            one.kill()
            await talk.rest()
            again = await other.resumed(talk)
            await again.until_ready()
            for client_seq in range(again.ready.last_client_seq + 1, 2):
                await again.say("hello", client_seq)
            await again.until_done(1)
            assert talk.numbers + again.numbers == list(range(1, 6))


async def test_a_killed_gateway_of_a_cluster_comes_back_at_the_same_address(
    store_settings: StoreSettings, scripted: ScriptedNode, key: str, tmp_path: Path
) -> None:
    settings = Settings(
        store=store_settings,
        gateway=GatewaySettings(port=0),
        telemetry=TelemetrySettings(trace_dir=str(tmp_path / "traces")),
    )
    child, said = GatewayChild(settings, tmp_path), list[str]()
    keeper = GatewayKeeper(child, said.append)
    try:
        await keeper.start()
        address, pid = child.address, child.pid
        async with connect(address, api_key=key) as client, client.converse() as conversation:
            await conversation.append("hello")
            await read_until_done(conversation)
            os.kill(pid, signal.SIGKILL)
            await conversation.append("more")
            await read_until_done(conversation)
            assert conversation.stats.num_connections == 2
        assert child.address == address
        assert child.pid != pid
        assert said == ["the gateway has ended (killed by SIGKILL) and is started again"]
    finally:
        await keeper.stop()


async def read_until_done(conversation: Conversation) -> None:
    async with asyncio.timeout(60):
        async for event in conversation:
            if isinstance(event, ResponseDone):
                return
    raise AssertionError("the conversation ended")


async def test_it_dies_with_its_parent(flags: list[str], tmp_path: Path) -> None:
    """Even with one that is killed and can say nothing."""
    parent = textwrap.dedent(
        """
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-m", "duologue.gateway", *sys.argv[1:]])
        print(child.pid, flush=True)
        time.sleep(600)
        """
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", parent, *flags, "--die-with-parent"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    pid = int(await process.stdout.readline())
    await _address(process)
    process.kill()
    # The child holds the other end of the pipe: it closes when the child has ended.
    await process.stdout.read()
    await process.wait()
    assert (
        not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes()
    )


async def test_metrics(flags: list[str], scripted: ScriptedNode, key: str) -> None:
    async with started("-s", "gateway.metrics_port=0", *flags) as process:
        assert process.stdout is not None
        where = (await process.stdout.readline()).decode().split()[-1]
        async with api(await _address(process), key) as client:
            talk = await client.started()
            await talk.say("hello")
            await talk.until_done(1)
            wrong = client.converse()
            await wrong.call.done_writing()
            await failure(wrong)
            text = await asyncio.to_thread(_fetch, f"http://{where}/metrics")
    assert 'duologue_session_open_seconds_count{kind="new"} 1.0' in text
    assert 'duologue_events_total{direction="in"} 1.0' in text
    assert 'duologue_rejections_total{code="INVALID_ARGUMENT"} 1.0' in text
    assert "duologue_streams 1.0" in text


def _fetch(url: str) -> str:
    with urllib.request.urlopen(url) as response:
        return str(response.read().decode())


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("-s", "store.url=none"), "store.url must be set"),
        (("-s", "store.url=unix:///nowhere/socket"), "does not answer"),
        (("-s", "gateway.host=192.0.2.1"), "gateway.port must be free"),
    ],
)
async def test_what_it_cannot_start_with(
    flags: list[str], more: tuple[str, ...], words: str
) -> None:
    async with started(*flags, *more) as process:
        _, told = await process.communicate()
        assert process.returncode == 2
        assert words in told.decode()
        assert "Traceback" not in told.decode()
