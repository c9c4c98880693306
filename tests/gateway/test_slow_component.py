"""One component is slow, and the trace of one session names it.

Gateway, session, batching actor and store are the real ones; only their processes are one here.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from random import Random
from typing import Any

import pytest
from typer.testing import CliRunner

from duologue.actors.live_session import LiveSession
from duologue.actors.node_agent import NodeAgent
from duologue.cli.main import app
from duologue.clock import UnixClock
from duologue.gateway.attachment import AttachedStream
from duologue.gateway.server import serving
from duologue.gateway.watching import Watcher
from duologue.lane.slices import SliceResult
from duologue.service_settings import GatewaySettings, TelemetrySettings
from duologue.states import State
from duologue.store.store import Store
from duologue.store.valkey import EmbeddedValkey
from duologue.telemetry import names
from duologue.telemetry.span_reading import SpanRow, read_trace
from duologue.telemetry.trace_page.page import trace_page
from duologue.telemetry.tracing import Tracing
from duologue.telemetry.turn_waits import Component, slowest_wait
from duologue.tenants import Tenant
from tests.actors.premises import TENANT, Premises
from tests.gateway.talking import Api, api, close
from tests.gateway.test_real_sessions import Building

FAULTS = (Component.GATEWAY, Component.SESSION, Component.BATCHING, Component.STORE)
SEEDS = range(6, 10)
DELAYS_S = (0.4, 0.8)


@pytest.fixture(scope="module")
def valkey() -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey()
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@dataclass
class Platform:
    """All four components, with their spans in one folder."""

    premises: Premises
    client: Api
    folder: Path
    tracing: Tracing

    async def trace_of_a_question(
        self, at_first_text: Callable[[], None] | None = None
    ) -> tuple[str, list[SpanRow]]:
        """Somebody asks and is answered; all that is known of it afterwards is its trace."""
        talk = await self.client.started()
        await talk.say("what is it?")
        await talk.until_kind("response_delta")
        if at_first_text is not None:
            at_first_text()
        await talk.until_kind("response_done")
        await talk.write(close(2))
        await talk.rest()
        assert self.tracing.provider.force_flush()
        return talk.session_id, read_trace(self.folder, talk.session_id)


@pytest.fixture
async def platform(tmp_path: Path, valkey: EmbeddedValkey) -> AsyncIterator[Platform]:
    folder = tmp_path / "traces"
    tracing = Tracing.start(TelemetrySettings(trace_dir=str(folder)), "test")
    async with AsyncExitStack() as stack:
        stack.callback(tracing.shutdown)
        premises = Premises(tmp_path, valkey.url, stack)
        await premises.open()
        premises.dictate(State.QUERY)
        building = Building([await premises.server(tracing=tracing)])
        sessions = replace(premises.settings.sessions, warm_actors=1)
        agent = NodeAgent(premises.store, building, sessions, node_id="here")
        await agent.start()
        stack.push_async_callback(agent.stop)
        await premises.store.put_tenant(Tenant(TENANT))
        key = (await premises.store.create_key(TENANT)).key
        settings = replace(premises.settings, gateway=GatewaySettings(port=0))
        watcher = Watcher(UnixClock(), tracing)
        gateway = await stack.enter_async_context(
            serving(settings, premises.store, watcher=watcher, random=Random(1))
        )
        client = await stack.enter_async_context(api(gateway.address, key))
        yield Platform(premises, client, folder, tracing)


def later(work: Callable[..., Awaitable[Any]], delay_s: float) -> Callable[..., Awaitable[Any]]:
    """The same, but slow."""

    @wraps(work)
    async def slow(*arguments: Any, **named: Any) -> Any:
        await asyncio.sleep(delay_s)
        return await work(*arguments, **named)

    return slow


def delay(
    fault: Component, delay_s: float, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From now on this component is slow, and nothing else."""
    if fault is Component.STORE:
        monkeypatch.setattr(Store, "append", later(Store.append, delay_s))
    elif fault is Component.SESSION:
        monkeypatch.setattr(LiveSession, "receive", later(LiveSession.receive, delay_s))
    elif fault is Component.GATEWAY:
        monkeypatch.setattr(AttachedStream, "_write", later(AttachedStream._write, delay_s))
    else:
        engine = platform.premises.batchers[0].assembly.engine
        forward = engine.forward

        def slow() -> list[SliceResult]:
            time.sleep(delay_s / 2)  # a thread of its own, whose work takes long
            return forward()

        monkeypatch.setattr(engine, "forward", slow)


def test_every_component_has_its_turn() -> None:
    assert {Random(seed).choice(FAULTS) for seed in SEEDS} == set(FAULTS)


@pytest.mark.parametrize("seed", SEEDS)
async def test_the_trace_names_the_component_at_fault(
    seed: int, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(seed)
    fault, delay_s = random.choice(FAULTS), random.uniform(*DELAYS_S)
    delay(fault, delay_s, platform, monkeypatch)
    session_id, rows = await platform.trace_of_a_question(monkeypatch.undo)
    wait = slowest_wait(rows)
    assert wait is not None
    assert wait.slowest is fault, wait.told()
    assert wait.parts_ms[fault] >= 900 * delay_s
    assert sum(wait.parts_ms.values()) == pytest.approx(wait.ms, abs=1.0)
    command = ["trace", session_id, "--dir", str(platform.folder)]
    shown = CliRunner().invoke(app, command, env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    (line,) = (line for line in shown.output.splitlines() if line.startswith("slowest reply"))
    assert f"slowest: {fault}" in line
    page = trace_page(rows, session_id)
    assert f"slowest: {fault}" in page


async def test_of_a_trace_without_a_gateway_nothing_is_said(platform: Platform) -> None:
    _, rows = await platform.trace_of_a_question()
    assert slowest_wait(rows) is not None
    assert slowest_wait([row for row in rows if row.name != names.RELAY_REPLY]) is None
