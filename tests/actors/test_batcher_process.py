"""A batching actor as a process: without Ray, under Ray, and after it was killed."""

import asyncio
import re
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from duologue.actors import batcher_host
from duologue.actors.batcher_client import RemoteSeat, describe
from duologue.actors.batcher_host import BatcherHost, _load
from duologue.actors.batcher_options import BatcherOptions
from duologue.errors import (
    BatcherUnavailable,
    InvalidInput,
    ModelUnavailable,
    StoreUnavailable,
)
from duologue.lane.judging import JudgingPatience
from duologue.lane.slices import Slice, SliceResult
from duologue.lane.state import LaneState
from duologue.runtime.assembly import Assembly
from duologue.service_settings import BatchingSettings, StoreSettings, TelemetrySettings
from duologue.session.session import Session
from duologue.settings import DecodingSettings, ModelSettings, Settings
from duologue.store.store import Store
from duologue.store.valkey import EmbeddedValkey
from duologue.text.token_edit import TokenEdit
from tests.programs import running
from tests.tiny_models import write_tiny_model
from tests.waiting import RAY_WITHIN_S, waiting_for


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A tiny model without a state head, so one that takes turns."""
    folder = write_tiny_model(tmp_path / "model", "llama")
    return Settings(
        model=ModelSettings(source=str(folder), device="cpu", dtype="float32"),
        decoding=DecodingSettings(strategy="turn"),
        batching=BatchingSettings(threads=1, metrics_port=0),
        telemetry=TelemetrySettings(trace_dir=str(tmp_path / "traces")),
    )


async def converse(address: str, settings: Settings, epoch: int = 1) -> SliceResult:
    """One slice of a new session."""
    setup = (await describe(address, within_s=RAY_WITHIN_S, waits=True)).setup(settings)
    session = Session("s", setup)
    seat = await RemoteSeat.take(
        address,
        tenant_id="t",
        session_id="s",
        epoch=epoch,
        strategy=setup.strategy,
        lane=LaneState.of(session.lane),
        profile=setup.profile,
    )
    words = TokenEdit(0, tuple(setup.tokenizer.encode("what is it")))
    await seat.submit(Slice("s", epoch, 1, edit=words, patience=JudgingPatience.OUT))
    async with waiting_for("the result of a slice"):
        async for response in seat:
            if isinstance(response, SliceResult):
                await seat.close()
                return response
    raise AssertionError("no result")


async def test_the_thread_that_loads_takes_its_helpers_with_it(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaders: list[threading.Thread] = []

    def load(chosen: Settings) -> Assembly:
        loaders.append(threading.current_thread())
        return _load(chosen)

    monkeypatch.setattr(batcher_host, "_load", load)
    options = BatcherOptions("b1", listen=(f"unix:{tmp_path}/b.sock",))
    host = BatcherHost(settings, options, lambda reason: None)
    await asyncio.to_thread(host.start)
    assert [loader.is_alive() for loader in loaders] == [False]
    await asyncio.to_thread(host.stop)


async def test_a_host_serves_until_it_is_stopped(settings: Settings, tmp_path: Path) -> None:
    failures: list[str] = []
    listen = f"unix:{tmp_path}/b.sock"
    host = BatcherHost(settings, BatcherOptions("b1", "n1", listen=(listen,)), failures.append)
    assert await asyncio.to_thread(host.start) == listen
    result = await converse(listen, settings)
    assert result.error is None
    assert (host.status.node_id, host.status.is_healthy) == ("n1", True)
    await asyncio.to_thread(host.stop)
    assert failures == []
    with pytest.raises(BatcherUnavailable):
        await describe(listen, within_s=0.2)


def test_a_host_that_cannot_start_says_why(tmp_path: Path) -> None:
    settings = Settings(model=ModelSettings(source=str(tmp_path / "nothing")))
    with pytest.raises(ModelUnavailable, match="nothing"):
        BatcherHost(settings, BatcherOptions("b1"), lambda reason: None).start()


def test_options_name_what_is_missing() -> None:
    with pytest.raises(InvalidInput, match="batcher_id"):
        BatcherOptions("")
    with pytest.raises(InvalidInput, match="address"):
        BatcherOptions("b1", listen=())


def _flags(settings: Settings) -> list[str]:
    chosen = {
        "model.source": settings.model.source,
        "model.device": "cpu",
        "model.dtype": "float32",
        "decoding.strategy": "turn",
        "telemetry.trace_dir": settings.telemetry.trace_dir,
    }
    return [part for name, value in chosen.items() for part in ("--set", f"{name}={value}")]


async def test_a_process_of_its_own_ends_in_order(settings: Settings, tmp_path: Path) -> None:
    listen = f"unix:{tmp_path}/b.sock"
    command = (sys.executable, "-m", "duologue.actors.batcher_main", "--listen", listen)
    async with running(*command, *_flags(settings)) as batcher:
        assert await batcher.line() == f"{listen}\n"
        assert (await converse(listen, settings)).error is None
        batcher.signal(signal.SIGTERM)
        assert await batcher.ended() == 0
        assert re.search(r"after 1 ticks .* [1-9] forwards", batcher.errors)


async def test_a_process_that_cannot_start_says_why_in_a_line(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "duologue.actors.batcher_main")
    async with running(*command, "--set", f"model.source={tmp_path}/nothing") as batcher:
        assert await batcher.ended() == 1
        assert batcher.errors.splitlines()[-1].startswith("duologue: ")


async def test_a_host_waits_for_a_store_that_comes_later(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher_host, "STORE_AGAIN_S", 0.01)
    refusals = [StoreUnavailable("not yet"), StoreUnavailable("not yet")]

    connect = Store.connect

    async def connect_later(url: str, settings: StoreSettings) -> Store:
        if refusals:
            raise refusals.pop()
        return await connect(url, settings)

    monkeypatch.setattr(Store, "connect", connect_later)
    async with EmbeddedValkey() as valkey:
        stored = replace(settings, store=StoreSettings(url=valkey.url))
        host = BatcherHost(stored, BatcherOptions("b1"), lambda reason: None)
        await asyncio.to_thread(host.start)
        assert not refusals
        async with await connect(valkey.url) as store:
            assert [each.batcher_id for each in await store.batchers()] == ["b1"]
        await asyncio.to_thread(host.stop)
