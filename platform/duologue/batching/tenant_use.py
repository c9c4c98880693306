"""How much of a model's time tenants have had lately."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp

FORGOTTEN_SHARE = 1e-3
"""Who had less of the time than that is not remembered."""


@dataclass(slots=True)
class TenantUse:
    """Time that lies back by `memory_ms` of forwards counts for a third of what it was."""

    memory_ms: float
    _spent_ms: dict[str, float] = field(default_factory=dict)

    def add(self, spent_ms: Mapping[str, float]) -> None:
        """A forward took so long for each of these tenants."""
        kept = exp(-sum(spent_ms.values()) / self.memory_ms)
        for tenant in self._spent_ms:
            self._spent_ms[tenant] *= kept
        for tenant, ms in spent_ms.items():
            self._spent_ms[tenant] = self._spent_ms.get(tenant, 0.0) + ms
        least_ms = FORGOTTEN_SHARE * self.memory_ms
        for tenant in [tenant for tenant, ms in self._spent_ms.items() if ms < least_ms]:
            del self._spent_ms[tenant]

    def share(self, tenant_id: str) -> float:
        """Of all the time, what went to this tenant."""
        total_ms = sum(self._spent_ms.values())
        return self._spent_ms.get(tenant_id, 0.0) / total_ms if total_ms else 0.0
