"""How many reply tokens a session is given at a time, by its tenant's limit of today."""

import pytest

from duologue.actors.token_portions import portion_for
from duologue.errors import StoreUnavailable
from duologue.hosting.ration import FREE_TOKENS
from duologue.tenants import Tenant


class Store:
    """Answers what it is told to."""

    def __init__(self, tenant: Tenant | None, wait_ms: int = 0) -> None:
        self.present = tenant
        self.wait_ms = wait_ms
        self.asked: list[tuple[int, int]] = []

    async def tenant(self, tenant_id: str) -> Tenant | None:
        assert tenant_id == "acme"
        return self.present

    async def allow(self, tenant_id: str, what: str, amount: int, per_minute: int) -> int:
        assert what == "output_tokens"
        self.asked.append((amount, per_minute))
        if self.wait_ms < 0:
            raise StoreUnavailable("gone")
        return self.wait_ms


@pytest.mark.parametrize(
    ("limit", "default", "asked", "portion"),
    [
        (0, None, [], (FREE_TOKENS, 0)),
        (0, 60_000, [(32, 60_000)], (32, 0)),
        (600, 60_000, [(10, 600)], (10, 0)),
        (3, None, [(1, 3)], (1, 0)),
    ],
)
async def test_portions(
    limit: int, default: int | None, asked: list[tuple[int, int]], portion: tuple[int, int]
) -> None:
    store = Store(Tenant("acme", output_tokens_per_minute=limit))
    assert await portion_for(store, "acme", default) == portion
    assert store.asked == asked


async def test_none_for_now() -> None:
    assert await portion_for(Store(Tenant("acme"), 700), "acme", 60) == (0, 700)
    assert await portion_for(Store(Tenant("acme"), -1), "acme", 60) == (0, 1_000)
