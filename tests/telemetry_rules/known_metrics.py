"""The time series that gateways and batching actors have, with their labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from prometheus_client import CollectorRegistry, Info
from prometheus_client.metrics import MetricWrapperBase

from duologue.gateway.errors import REASONS
from duologue.states import State
from duologue.telemetry import names
from duologue.telemetry.metrics import BatcherMetrics, GatewayMetrics

TARGET_LABELS = frozenset({"namespace", "pod", "job", "instance"})
"""What Prometheus adds to every series of a target on Kubernetes."""

VALUES: Mapping[tuple[str, str], frozenset[str]] = {
    (f"{names.DECISIONS}_total", "state"): frozenset(map(str, State)),
    (f"{names.EVENTS}_total", "direction"): frozenset({"in", "out"}),
    (f"{names.TOKENS}_total", "direction"): frozenset({"in", "out"}),
    (f"{names.TENANT_TOKENS}_total", "direction"): frozenset({"in", "out"}),
    (f"{names.OPEN_SECONDS}_bucket", "kind"): frozenset({"new", "resume"}),
    (f"{names.BUILD}_info", "component"): frozenset({"gateway", "batcher"}),
    (f"{names.REJECTIONS}_total", "code"): frozenset(code for code, _ in REASONS),
    (f"{names.REJECTIONS}_total", "reason"): frozenset(reason for _, reason in REASONS),
    (names.NODES, "state"): frozenset({"open", "full", "draining"}),
    (names.CELLS, "use"): frozenset({"used", "free"}),
}
"""Of labels that have few values: what they can be."""


class Kind(StrEnum):
    """How a series is to be read."""

    COUNTER = "counter"
    """Also sums and counts of histograms."""
    BUCKET = "bucket"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Known:
    """One name, as it is written in a query."""

    kind: Kind
    labels: frozenset[str]


def known_metrics() -> dict[str, Known]:
    """All of them, by name."""
    found: dict[str, Known] = {}
    for registry in (GatewayMetrics().registry, BatcherMetrics().registry):
        for collector in _collectors(registry):
            found |= _series(collector)
    return found


def _collectors(registry: CollectorRegistry) -> list[MetricWrapperBase]:
    every = list(registry._collector_to_names)
    assert all(isinstance(each, MetricWrapperBase) for each in every)
    return [each for each in every if isinstance(each, MetricWrapperBase)]


def _series(metric: MetricWrapperBase) -> dict[str, Known]:
    name, labels = metric._name, frozenset(metric._labelnames)
    match metric._type:
        case "counter":
            return {f"{name}_total": Known(Kind.COUNTER, labels)}
        case "histogram":
            return {
                f"{name}_bucket": Known(Kind.BUCKET, labels | {"le"}),
                f"{name}_sum": Known(Kind.COUNTER, labels),
                f"{name}_count": Known(Kind.COUNTER, labels),
            }
        case "info":
            assert isinstance(metric, Info)
            return {f"{name}_info": Known(Kind.GAUGE, frozenset(metric._value))}
        case _:
            return {name: Known(Kind.GAUGE, labels)}
