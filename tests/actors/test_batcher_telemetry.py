"""What a batching actor tells of itself: to the store, in metrics, and in sessions' traces."""

import asyncio
import urllib.request
from pathlib import Path

from prometheus_client.utils import floatToGoString

from duologue.actors.batcher import BatcherProcess
from duologue.actors.batcher_options import BatcherOptions
from duologue.actors.batcher_telemetry import BatcherTelemetry
from duologue.events import InputAppend
from duologue.service_settings import BatchingSettings, TelemetrySettings
from duologue.settings import ModelSettings, Settings
from duologue.states import State
from duologue.store.store import Store
from duologue.store.valkey import EmbeddedValkey
from duologue.telemetry.span_reading import read_trace
from tests.actors.speaker import speaker
from tests.unit.talk.worlds import tiny_assembly
from tests.waiting import WITHIN_S


async def test_the_store_metrics_and_traces_are_told(tmp_path: Path) -> None:
    assembly, head = tiny_assembly(tmp_path / "model")
    settings = Settings(
        model=ModelSettings(name="small"),
        decoding=assembly.setup.decoding,
        batching=BatchingSettings(metrics_port=0),
        telemetry=TelemetrySettings(trace_dir=str(tmp_path / "traces")),
    )
    options = BatcherOptions("b1", "n1")
    telemetry = BatcherTelemetry(settings, assembly, options)
    async with EmbeddedValkey() as server, await Store.connect(server.url) as store:
        batcher = BatcherProcess(
            assembly, settings, options, announcer=store, observer=telemetry.observer
        )
        telemetry.watch(lambda: batcher.is_healthy)
        async with batcher:
            (announced,) = await store.batchers()
            assert (announced.batcher_id, announced.address) == ("b1", batcher.address)
            head.state = State.QUERY
            one = await speaker(batcher.address, assembly.setup, "ses_traced")
            one.send(InputAppend("a", "what is it"))
            await one.run_ticks(2)
            await one.seat.close()
            assert telemetry.port is not None
            url = f"http://127.0.0.1:{telemetry.port.port}/metrics"
            assert "duologue_healthy 1.0" in await asyncio.to_thread(_get, url)
        assert await store.batchers() == ()
    page = await asyncio.to_thread(_get, url)
    assert "duologue_healthy 0.0" in page, "its thread of forwards has ended"
    assert "duologue_slices_total 2.0" in page
    assert "duologue_seated_sessions" in page
    assert 'duologue_kv_cells{use="used"}' in page
    assert f"duologue_seats_limit {settings.batching.max_sessions}.0" in page
    budget_bytes = assembly.engine.memory.budget_bytes
    assert f"duologue_kv_budget_bytes {floatToGoString(budget_bytes)}" in page  # type: ignore[no-untyped-call]
    assert 'model="small"' in page, "as sessions call it"
    await asyncio.to_thread(telemetry.close)
    spans = read_trace(tmp_path / "traces", "ses_traced")
    assert {span.name for span in spans} == {"batch.tick"}
    assert sum(int(span.attributes["duologue.slices"]) for span in spans) == 2
    assert {span.attributes["gen_ai.request.model"] for span in spans} == {"small"}


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=WITHIN_S) as response:
        return str(response.read().decode())
