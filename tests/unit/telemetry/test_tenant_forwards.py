"""Forwards by tenant: named as long as they are few, and nobody waits for ever."""

from prometheus_client import CollectorRegistry

from duologue.batching.tenant_turns import Served
from duologue.telemetry import names
from duologue.telemetry.tenant_forwards import TenantForwards


def read(registry: CollectorRegistry, name: str, tenant: str) -> float | None:
    return registry.get_sample_value(name, {"tenant": tenant})


def test_time_adds_up_and_waiting_is_of_the_last_tick() -> None:
    registry = CollectorRegistry()
    forwards = TenantForwards(registry, max_named=1)
    forwards.served({"a": Served(1500.0, 7)})
    forwards.served({"b": Served(250.0, 2), "c": Served(250.0, 3)})
    spent, waiting = f"{names.TENANT_FORWARD_SECONDS}_total", names.TENANT_WAITING_SLICES
    assert read(registry, spent, "a") == 1.5
    assert read(registry, spent, "other") == 0.5
    assert read(registry, waiting, "a") == 0
    assert read(registry, waiting, "other") == 5
    forwards.served({})
    assert read(registry, waiting, "other") == 0
