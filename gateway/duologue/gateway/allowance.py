"""How many calls beside conversations one tenant may make at one gateway. Pure: time comes in."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from duologue.clock import Clock
from duologue.errors import QuotaUsedUp

MAX_AT_ONCE = 100
_MINUTE_MS = 60_000
_MAX_TENANTS = 10_000
"""Those that called last are remembered."""


@dataclass(slots=True)
class _Account:
    paid_ms: float = 0.0
    """When all calls so far are paid off, at the tenant's rate."""
    num_open: int = 0


class Allowance:
    """A tenant that was silent may make a minute's worth of calls at once, but for those open."""

    def __init__(self, per_minute: int, clock: Clock, max_at_once: int = MAX_AT_ONCE) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._max_at_once = max_at_once
        self._accounts: OrderedDict[str, _Account] = OrderedDict()

    @contextmanager
    def call(self, tenant_id: str) -> Iterator[None]:
        """One call, for as long as the block; raises QuotaUsedUp."""
        account = self._account(tenant_id)
        if account.num_open >= self._max_at_once:
            raise QuotaUsedUp(f"at most {self._max_at_once} calls may be open at once", 1_000)
        now_ms, cost_ms = self._clock.now_ms(), _MINUTE_MS / self._per_minute
        paid_ms = max(now_ms, account.paid_ms) + cost_ms
        if paid_ms > now_ms + _MINUTE_MS:
            wait_ms = int(paid_ms - now_ms - _MINUTE_MS) + 1
            raise QuotaUsedUp(
                f"at most {self._per_minute} calls may be made in a minute at one gateway", wait_ms
            )
        account.paid_ms = paid_ms
        account.num_open += 1
        try:
            yield
        finally:
            account.num_open -= 1

    def _account(self, tenant_id: str) -> _Account:
        account = self._accounts.setdefault(tenant_id, _Account())
        self._accounts.move_to_end(tenant_id)
        while len(self._accounts) > _MAX_TENANTS:
            self._accounts.popitem(last=False)
        return account
