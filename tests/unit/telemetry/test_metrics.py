"""What is counted and measured, and how it is served."""

from importlib.metadata import version
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry

from duologue.errors import InvalidSetting
from duologue.telemetry import names
from duologue.telemetry.conversation_meter import ConversationMeter
from duologue.telemetry.metrics import BatcherMetrics, GatewayMetrics, MetricsPort


class Gateway:
    """A gateway's metrics, and the meter of one conversation."""

    def __init__(self) -> None:
        self.metrics = GatewayMetrics()
        self.meter = ConversationMeter(self.metrics)

    def value(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    def ask(self, at_ms: float = 1000.0) -> None:
        self.meter.said("input_append", at_ms - 500)
        self.meter.said("input_append", at_ms)
        self.meter.told("input_state", at_ms + 100, "incomplete")
        self.meter.told("input_state", at_ms + 150, "query")


def test_the_first_text_counts_from_the_last_word_of_the_query() -> None:
    gateway = Gateway()
    gateway.ask()
    gateway.meter.told("response_started", 1160.0)
    gateway.meter.told("response_delta", 1250.0)
    gateway.meter.told("response_delta", 1400.0)
    gateway.meter.told("response_done", 1400.0, "stop")
    assert gateway.value(f"{names.TIME_TO_FIRST_TOKEN}_sum") == pytest.approx(0.25)
    assert gateway.value(f"{names.TIME_TO_FIRST_TOKEN}_count") == 1
    assert gateway.value(f"{names.INTER_TOKEN_LATENCY}_sum") == pytest.approx(0.15)
    assert gateway.value(f"{names.DECISIONS}_total", state="query") == 1
    assert gateway.value(f"{names.DECISIONS}_total", state="incomplete") == 1
    assert gateway.value(f"{names.RESPONSES}_total", reason="stop") == 1
    assert gateway.value(f"{names.EVENTS}_total", direction="in") == 2
    assert gateway.value(f"{names.EVENTS}_total", direction="out") == 6


def test_an_interruption_counts_from_the_last_word_that_cut_in() -> None:
    gateway = Gateway()
    gateway.ask()
    gateway.meter.told("response_delta", 1200.0)
    gateway.ask(5000.0)
    gateway.meter.told("interrupted", 5160.0)
    gateway.meter.told("response_done", 5160.0, "interrupted")
    gateway.meter.told("response_delta", 5200.0)
    assert gateway.value(f"{names.YIELD_LATENCY}_sum") == pytest.approx(0.16)
    assert gateway.value(f"{names.INTERRUPTIONS}_total") == 1
    assert gateway.value(f"{names.TIME_TO_FIRST_TOKEN}_count") == 2
    assert gateway.value(f"{names.INTER_TOKEN_LATENCY}_count") == 0, "two replies"


def test_a_reply_yields_when_it_falls_silent() -> None:
    gateway = Gateway()
    gateway.ask()
    gateway.meter.told("response_started", 1200.0)
    gateway.meter.told("response_delta", 1200.0)
    gateway.ask(5000.0)
    gateway.meter.told("response_paused", 5160.0)
    gateway.meter.told("interrupted", 5460.0)
    assert gateway.value(f"{names.YIELD_LATENCY}_sum") == pytest.approx(0.16)


def test_a_held_reply_that_is_taken_back_is_counted_and_not_timed() -> None:
    gateway = Gateway()
    gateway.ask()
    gateway.meter.told("response_started", 1200.0)
    gateway.meter.told("response_delta", 1200.0)
    gateway.ask(5000.0)
    gateway.meter.told("response_paused", 5160.0)
    gateway.meter.said("input_append", 5300.0)
    gateway.meter.told("input_state", 5400.0, "non_query")
    gateway.meter.told("response_resumed", 5400.0)
    gateway.meter.told("response_delta", 5500.0)
    assert gateway.value(f"{names.TAKEN_BACK_DECISIONS}_total") == 1
    assert gateway.value(f"{names.TIME_TO_FIRST_TOKEN}_count") == 1
    assert gateway.value(f"{names.YIELD_LATENCY}_count") == 0
    assert gateway.value(f"{names.INTER_TOKEN_LATENCY}_count") == 0, "a pause is no gap"


def test_a_backchannel_does_not_make_the_reply_look_late() -> None:
    gateway = Gateway()
    gateway.ask()
    gateway.meter.told("response_delta", 1200.0)
    gateway.meter.said("input_append", 1250.0)
    gateway.meter.told("input_state", 1300.0, "non_query")
    gateway.meter.told("response_delta", 1360.0)
    assert gateway.value(f"{names.TIME_TO_FIRST_TOKEN}_count") == 1
    assert gateway.value(f"{names.INTER_TOKEN_LATENCY}_sum") == pytest.approx(0.16)


def test_a_reply_that_a_new_connection_finds_under_way_is_not_timed() -> None:
    gateway = Gateway()
    gateway.meter.told("input_state", 10.0, "query")
    gateway.meter.told("interrupted", 11.0)
    gateway.meter.told("response_delta", 12.0)
    assert gateway.value(f"{names.TIME_TO_FIRST_TOKEN}_count") == 0
    assert gateway.value(f"{names.YIELD_LATENCY}_count") == 0


def test_no_metric_is_labelled_by_session() -> None:
    for kind in (GatewayMetrics, BatcherMetrics):
        registry = kind().registry
        labels = {
            label for metric in registry.collect() for s in metric.samples for label in s.labels
        }
        assert not labels & {"session", "session_id"}


def test_every_set_of_metrics_has_a_registry_of_its_own() -> None:
    first, second = GatewayMetrics(), GatewayMetrics()
    first.streams.inc()
    assert second.registry.get_sample_value(names.STREAMS) == 0


def test_every_process_tells_what_it_runs() -> None:
    gateway, batcher = GatewayMetrics(), BatcherMetrics(model="tiny", device="cpu")
    for registry, component in ((gateway.registry, "gateway"), (batcher.registry, "batcher")):
        (told,) = (metric for metric in registry.collect() if metric.name == names.BUILD)
        (sample,) = told.samples
        assert (sample.name, sample.value) == (f"{names.BUILD}_info", 1)
        assert sample.labels["component"] == component
        assert sample.labels["version"] == version("duologue")
    assert (sample.labels["model"], sample.labels["device"]) == ("tiny", "cpu")


def test_metrics_are_served_until_the_port_is_closed() -> None:
    metrics = BatcherMetrics()
    metrics.slices.inc(3)
    port = MetricsPort(metrics.registry, "127.0.0.1", 0)
    with urlopen(f"http://127.0.0.1:{port.port}/metrics") as response:
        assert b"duologue_slices_total 3.0" in response.read()
    port.close()
    again = MetricsPort(metrics.registry, "127.0.0.1", port.port)
    again.close()


def test_a_port_that_is_taken_is_told() -> None:
    port = MetricsPort(CollectorRegistry(), "127.0.0.1", 0)
    with pytest.raises(InvalidSetting, match="metrics_port must be a port that is free"):
        MetricsPort(CollectorRegistry(), "127.0.0.1", port.port)
    port.close()
