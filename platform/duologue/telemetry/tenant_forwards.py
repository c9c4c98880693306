"""What single tenants have of a batching actor's forwards, and who waits for others."""

from collections import Counter as Counts
from collections.abc import Mapping
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge

from duologue.telemetry import names
from duologue.telemetry.tenant_metrics import MAX_NAMED_TENANTS, TenantNames

if TYPE_CHECKING:  # gateways have no engine, and what it needs is not installed there
    from duologue.batching.tenant_turns import Served


class TenantForwards:
    """By tenant, as a gateway's counts are: the first so many by name, the rest together."""

    def __init__(self, registry: CollectorRegistry, max_named: int = MAX_NAMED_TENANTS) -> None:
        self._names = TenantNames(max_named)
        self._spent = Counter(
            names.TENANT_FORWARD_SECONDS,
            "Time of merged forwards, by the rows that were the tenant's.",
            ["tenant"],
            registry=registry,
        )
        self._waiting = Gauge(
            names.TENANT_WAITING_SLICES,
            "The most slices that a forward of the last tick left waiting for other tenants.",
            ["tenant"],
            registry=registry,
        )
        self._are_waiting: set[str] = set()

    def served(self, served: "Mapping[str, Served]") -> None:
        """What became of the tenants in a tick; nobody else waits."""
        waiting: Counts[str] = Counts(dict.fromkeys(self._are_waiting, 0))
        for tenant_id, each in served.items():
            label = self._names.label(tenant_id)
            self._spent.labels(label).inc(each.forward_ms / 1e3)
            waiting[label] += each.num_waiting
        for label, count in waiting.items():
            self._waiting.labels(label).set(count)
        self._are_waiting = {label for label, count in waiting.items() if count}
