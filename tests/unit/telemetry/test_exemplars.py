"""From a slow bucket to the trace of the session that fell into it."""

from urllib.request import Request, urlopen

import pytest
from opentelemetry.trace import format_trace_id
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from duologue.clock import ManualClock
from duologue.gateway.watching import Watcher
from duologue.service_settings import TelemetrySettings
from duologue.telemetry import names
from duologue.telemetry.metrics import BatcherMetrics, GatewayMetrics, MetricsPort
from duologue.telemetry.trace_ids import trace_id_of
from duologue.v1 import events_pb2 as pb
from tests.unit.telemetry.test_batch_observer import Observed
from tests.unit.telemetry.traced import Memory

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
SESSION = "ses_0123456789abcdefghijkl"


def trace_id(session_id: str) -> str:
    return format_trace_id(trace_id_of(session_id))


def fetched(metrics: GatewayMetrics | BatcherMetrics, accept: str) -> str:
    """What a scraper gets that asks for a format."""
    port = MetricsPort(metrics.registry, "127.0.0.1", 0)
    try:
        url = f"http://127.0.0.1:{port.port}/metrics"
        with urlopen(Request(url, headers={"Accept": accept})) as response:
            return str(response.read().decode())
    finally:
        port.close()


def with_exemplars(metrics: GatewayMetrics | BatcherMetrics) -> list[Sample]:
    page = fetched(metrics, OPEN_METRICS)
    families = text_string_to_metric_families(page)  # type: ignore[no-untyped-call]
    return [sample for family in families for sample in family.samples if sample.exemplar]


def talked(telemetry: TelemetrySettings | None) -> GatewayMetrics:
    """A gateway at which a session was opened, asked, and cut."""
    clock = ManualClock(1_700_000_000_000.0)
    memory = Memory(telemetry)
    watcher = Watcher(clock, memory.tracing if telemetry is not None else None)
    watch = watcher.conversation("acme", SESSION, is_resumed=False, began_ms=clock.now_ms())
    clock.advance(45)
    watch.opened(1)
    query = pb.ServerEvent(input_state=pb.InputState(state=pb.STATE_QUERY))
    for answer in (
        pb.ServerEvent(response_delta=pb.ResponseDelta(text="Well")),
        pb.ServerEvent(interrupted=pb.Interrupted()),
    ):
        watch.said(pb.ClientEvent(input_append=pb.InputAppend(text="what is it")))
        clock.advance(250)
        watch.told(query)
        watch.told(answer)
    memory.tracing.shutdown()
    return watcher.metrics


def test_what_clients_notice_leads_to_the_trace() -> None:
    found = with_exemplars(talked(TelemetrySettings()))
    assert {(s.name, s.labels["le"]): s.exemplar and s.exemplar.value for s in found} == {
        (f"{names.OPEN_SECONDS}_bucket", "0.05"): pytest.approx(0.045),
        (f"{names.TIME_TO_FIRST_TOKEN}_bucket", "0.3"): pytest.approx(0.25),
        (f"{names.YIELD_LATENCY}_bucket", "0.3"): pytest.approx(0.25),
    }
    for sample in found:
        assert sample.exemplar is not None
        assert sample.exemplar.labels == {"trace_id": trace_id(SESSION)}


def test_no_series_tell_when_others_began() -> None:
    assert "_created" not in fetched(talked(None), OPEN_METRICS)


def test_a_scraper_of_the_old_format_is_told_the_same_without_exemplars() -> None:
    metrics = talked(TelemetrySettings())
    page = fetched(metrics, "text/plain")
    assert f"{names.TIME_TO_FIRST_TOKEN}_count 1.0" in page
    assert "trace_id" not in page


@pytest.mark.parametrize("telemetry", [TelemetrySettings(sample_ratio=0.0), None])
def test_what_is_not_traced_has_no_exemplar(telemetry: TelemetrySettings | None) -> None:
    assert with_exemplars(talked(telemetry)) == []


def test_a_tick_leads_to_the_session_whose_slice_took_longest() -> None:
    observed = Observed()
    stage = observed.stage
    for stream, session in enumerate(("ses_a", "ses_slow", "ses_b")):
        stage.take(stream, session)
    stage.go_to_tick(1)
    for stream, (session, tokens) in enumerate((("ses_a", 1), ("ses_slow", 3), ("ses_b", 2))):
        stage.ask(stream, session, reply_tokens=tokens)
    stage.run_until_idle()
    stage.go_to_tick(9)
    (sample,) = with_exemplars(observed.metrics)
    assert sample.exemplar is not None
    assert sample.name == f"{names.TICK_DURATION}_bucket"
    assert sample.exemplar.labels == {"trace_id": trace_id("ses_slow")}
    assert sample.exemplar.value == pytest.approx(0.03)
    observed.close()


@pytest.mark.parametrize(
    ("telemetry", "is_told"),
    [(TelemetrySettings(slices=False), True), (TelemetrySettings(sample_ratio=0.0), False)],
)
def test_ticks_without_spans_lead_to_sessions_that_are_traced(
    telemetry: TelemetrySettings, is_told: bool
) -> None:
    observed = Observed(telemetry)
    observed.play("ses_a")
    assert bool(with_exemplars(observed.metrics)) is is_told
    observed.close()
