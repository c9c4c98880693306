"""A tenant's calls are bounded, at once and by the minute; another tenant's are its own."""

from contextlib import ExitStack

import pytest

from duologue.clock import ManualClock
from duologue.errors import QuotaUsedUp
from duologue.gateway.allowance import Allowance


def test_a_minutes_worth_at_once_and_then_by_the_rate() -> None:
    clock = ManualClock()
    allowance = Allowance(60, clock)
    for _ in range(60):
        with allowance.call("acme"):
            pass
    with pytest.raises(QuotaUsedUp, match="60 calls") as caught, allowance.call("acme"):
        pass
    assert 1_000 <= caught.value.retry_after_ms <= 1_001
    with allowance.call("other"):
        pass
    clock.advance(caught.value.retry_after_ms)
    with allowance.call("acme"):
        pass


def test_so_many_at_once() -> None:
    allowance = Allowance(6_000, ManualClock(), max_at_once=2)
    with ExitStack() as stack:
        stack.enter_context(allowance.call("acme"))
        stack.enter_context(allowance.call("acme"))
        with pytest.raises(QuotaUsedUp, match="2 calls"), allowance.call("acme"):
            pass
        stack.enter_context(allowance.call("other"))
    with allowance.call("acme"):
        pass
