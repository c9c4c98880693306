"""Tenants are told of by name as long as there are few, and nobody's counts are lost."""

import pytest
from prometheus_client import CollectorRegistry

from duologue.telemetry import names
from duologue.telemetry.metrics import GatewayMetrics
from duologue.telemetry.tenant_metrics import TenantMetrics, TenantNames


def counted(registry: CollectorRegistry, name: str) -> dict[str, float]:
    """The values of a metric by tenant."""
    found = (s for metric in registry.collect() for s in metric.samples if s.name == name)
    return {sample.labels["tenant"]: sample.value for sample in found}


def test_the_first_tenants_keep_their_names() -> None:
    tenants = TenantNames(2)
    come = ["acme", "bolt", "coil", "acme", "dyne", "bolt"]
    assert [tenants.label(each) for each in come] == [
        *("acme", "bolt", "other", "acme", "other", "bolt")
    ]


def test_without_names_all_are_counted_together() -> None:
    assert TenantNames(0).label("acme") == names.OTHER_TENANTS


def test_there_are_as_many_series_as_allowed_and_they_add_up() -> None:
    metrics = GatewayMetrics(max_named_tenants=3)
    for number in range(1000):
        metrics.tenants.session_made(f"tenant-{number}")
        metrics.tenants.said(f"tenant-{number}", 7)
        metrics.tenants.used(f"tenant-{number}", 0, 5)
        metrics.tenants.waits(f"tenant-{number}")
        metrics.tenants.refused(f"tenant-{number}", "NO_ROOM")
    for name, each in (
        (names.TENANT_SESSIONS, 1),
        (names.TENANT_INPUT_CHARACTERS, 7),
        (names.TENANT_TOKENS, 5),
        (names.TENANT_QUOTA_WAITS, 1),
        (names.TENANT_REJECTIONS, 1),
    ):
        found = counted(metrics.registry, f"{name}_total")
        named = {f"tenant-{number}": each for number in range(3)}
        assert found == {**named, names.OTHER_TENANTS: 997 * each}


def test_open_conversations_come_and_go() -> None:
    registry = CollectorRegistry()
    tenants = TenantMetrics(registry, 1)
    with tenants.conversing("acme"), tenants.conversing("bolt"), tenants.conversing("coil"):
        assert counted(registry, names.TENANT_STREAMS) == {"acme": 1, names.OTHER_TENANTS: 2}
    with pytest.raises(RuntimeError), tenants.conversing("acme"):
        raise RuntimeError
    assert counted(registry, names.TENANT_STREAMS) == {"acme": 0, names.OTHER_TENANTS: 0}
