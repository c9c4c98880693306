"""Reply tokens for a session, out of what its tenant may have in a minute."""

import logging
from typing import Protocol

from duologue.errors import DuologueError
from duologue.hosting.ration import FREE_TOKENS, PORTION_TOKENS
from duologue.tenants import Tenant

OUTPUT_TOKENS = "output_tokens"
"""The kind of rate at the store, and the name of the quota."""
_AGAIN_MS = 1_000

log = logging.getLogger(__name__)


class TokenSource(Protocol):
    """The store."""

    async def tenant(self, tenant_id: str) -> Tenant | None: ...

    async def allow(self, tenant_id: str, what: str, amount: int, per_minute: int) -> int: ...


async def portion_for(
    store: TokenSource, tenant_id: str, default_per_minute: int | None
) -> tuple[int, int]:
    """How many tokens a session may say now; if none, in how many milliseconds to ask again.

    A second's worth at a time, so that sessions of a small tenant take turns.
    """
    try:
        tenant = await store.tenant(tenant_id)
        of_tenant = tenant.output_tokens_per_minute if tenant is not None else 0
        rate = of_tenant or default_per_minute
        if not rate:
            return FREE_TOKENS, 0
        amount = max(1, min(PORTION_TOKENS, rate // 60))
        wait_ms = await store.allow(tenant_id, OUTPUT_TOKENS, amount, rate)
    except DuologueError as error:  # without the store nothing can be shown either
        log.info("reply tokens cannot be had now: %s", error)
        return 0, _AGAIN_MS
    return (0, wait_ms) if wait_ms else (amount, 0)
