"""A gateway as a process of its own: how it starts, drains, and dies."""

import asyncio
import os
import signal
import sys
import textwrap
import urllib.request
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import grpc
import pytest
from openai import AsyncOpenAI

from duologue.actors.gateway_child import GatewayChild
from duologue.actors.gateway_keeper import GatewayKeeper
from duologue.client import Conversation, ResponseDone, connect
from duologue.service_settings import GatewaySettings, StoreSettings, TelemetrySettings
from duologue.settings import Settings
from duologue.store.store import Store
from tests.gateway.scripted import EVENTS_PER_INPUT, ScriptedNode
from tests.gateway.talking import api, failure
from tests.programs import Program, running
from tests.waiting import WITHIN_S, waiting_for


@pytest.fixture
def flags(store_settings: StoreSettings, tmp_path: Path) -> list[str]:
    return [
        *("-s", f"store.url={store_settings.url}", "-s", "gateway.port=0"),
        *("-s", f"telemetry.trace_dir={tmp_path / 'traces'}"),
        *("--ready-file", str(tmp_path / "address")),
    ]


def started(*flags: str) -> AbstractAsyncContextManager[Program]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DUOLOGUE_")}
    return running(sys.executable, "-m", "duologue.gateway", *flags, environment=environment)


async def _address(gateway: Program) -> str:
    """As it prints it when it serves."""
    return (await gateway.line("gateway listens at ")).split()[3]


async def test_sigterm_drains(
    flags: list[str], scripted: ScriptedNode, key: str, tmp_path: Path, store: Store
) -> None:
    async with started(*flags, "-s", "gateway.drain_ms=600000") as gateway:
        address = await _address(gateway)
        assert (tmp_path / "address").read_text().strip() == address
        async with api(address, key) as client:
            talk = await client.started()
            gateway.signal(signal.SIGTERM)
            await talk.until_kind("go_away")
            await talk.say("to the end")
            await talk.until_done(1)
            await talk.call.done_writing()
            await talk.rest()
            assert await talk.call.code() is grpc.StatusCode.OK
            assert await gateway.ended() == 0
    assert list((tmp_path / "traces").glob("gateway-*")), "the session's opening was traced"


async def test_it_serves_openais_api(
    flags: list[str], scripted: ScriptedNode, key: str, tmp_path: Path
) -> None:
    async with started(*flags, "-s", "gateway.http_port=0") as gateway:
        address = await _address(gateway)
        http_address = (await gateway.line("OpenAI's API is at ")).split()[-1]
        assert (tmp_path / "address").read_text().split() == [address, http_address]
        async with AsyncOpenAI(
            base_url=f"http://{http_address}/v1", api_key=key, max_retries=0
        ) as client:
            told = await client.chat.completions.create(
                model="default", messages=[{"role": "user", "content": "are you there?"}]
            )
        assert told.choices[0].message.content == "one two three"
        gateway.signal(signal.SIGTERM)
        assert await gateway.ended() == 0
        assert not {"WARNING", "ERROR"} & set(gateway.errors.split())


async def test_a_second_signal_stops_at_once(
    flags: list[str], scripted: ScriptedNode, key: str
) -> None:
    async with (
        started(*flags, "-s", "gateway.drain_ms=600000") as gateway,
        api(await _address(gateway), key) as client,
    ):
        talk = await client.started()
        gateway.signal(signal.SIGTERM)
        await talk.until_kind("go_away")
        gateway.signal(signal.SIGTERM)
        assert (await failure(talk)).code() is grpc.StatusCode.UNAVAILABLE
        assert await gateway.ended() == 0


async def test_a_killed_gateway_loses_nothing(
    flags: list[str], scripted: ScriptedNode, key: str
) -> None:
    async with started(*flags) as one, started(*flags) as two:
        first, second = await _address(one), await _address(two)
        async with api(first, key) as client, api(second, key) as other:
            talk = await client.started()
            await talk.say("hello")
            await talk.until_text(1)
            one.signal(signal.SIGKILL)
            await talk.rest()
            again = await other.resumed(talk)
            await again.until_ready()
            for client_seq in range(again.ready.last_client_seq + 1, 2):
                await again.say("hello", client_seq)
            # The first connection may have told all of it before it broke.
            await again.until_seq(EVENTS_PER_INPUT)
            assert talk.numbers + again.numbers == list(range(1, EVENTS_PER_INPUT + 1))


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
    async with waiting_for("the end of a response"):
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
    async with running(sys.executable, "-c", parent, *flags, "--die-with-parent") as program:
        pid = int(await program.line())
        await _address(program)
        program.signal(signal.SIGKILL)
        # The child holds the other end of the pipe: it closes when the child has ended.
        await program.ended()
        command = Path(f"/proc/{pid}/cmdline")
        assert not command.exists() or not command.read_bytes()


async def test_metrics(flags: list[str], scripted: ScriptedNode, key: str) -> None:
    async with started("-s", "gateway.metrics_port=0", *flags) as gateway:
        where = (await gateway.line()).split()[-1]
        async with api(await _address(gateway), key) as client:
            talk = await client.started()
            await talk.say("hello")
            await talk.until_done(1)
            wrong = client.converse()
            await wrong.call.done_writing()
            await failure(wrong)
            text = await asyncio.to_thread(_fetch, f"http://{where}/metrics")
    assert 'duologue_session_open_seconds_count{kind="new"} 1.0' in text
    assert 'duologue_events_total{direction="in"} 1.0' in text
    refused = 'code="INVALID_ARGUMENT",reason="INVALID_INPUT"'
    assert f"duologue_rejections_total{{{refused}}} 1.0" in text
    never = 'code="INTERNAL",reason="INTERNAL"'
    assert f"duologue_rejections_total{{{never}}} 0.0" in text, "so that the first is an increase"
    assert "duologue_streams 1.0" in text
    assert "duologue_streams_limit 1000.0" in text
    assert 'duologue_tenant_streams{tenant="acme"} 1.0' in text
    assert 'duologue_tenant_sessions_total{tenant="acme"} 1.0' in text
    assert 'duologue_tenant_input_characters_total{tenant="acme"} 5.0' in text
    assert 'duologue_tenant_rejections_total{reason="INVALID_INPUT",tenant="acme"} 1.0' in text
    assert 'duologue_nodes{state="open"} 1.0' in text
    assert "duologue_store_check_failures_total 0.0" in text
    assert 'duologue_build_info{component="gateway",' in text


def _fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=WITHIN_S) as response:
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
    async with started(*flags, *more) as gateway:
        assert await gateway.ended() == 2
        assert words in gateway.errors
        assert "Traceback" not in gateway.errors
