"""Whether a tenant's texts may be in traces, while a session of it is live."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from duologue.errors import DuologueError
from duologue.telemetry.session_spans import SessionSpans
from duologue.tenants import Tenant

ASK_EVERY_S = 5.0

TenantOf = Callable[[str], Awaitable[Tenant | None]]

log = logging.getLogger(__name__)


async def mind_texts(spans: SessionSpans, tenant_of: TenantOf, tenant_id: str) -> None:
    """Have no texts recorded once the tenant does not allow it any more, or is gone."""
    while True:
        await asyncio.sleep(ASK_EVERY_S)
        try:
            tenant = await tenant_of(tenant_id)
        except DuologueError as error:  # nobody can say now
            log.info("whether texts may be recorded is not known: %s", error)
            continue
        if tenant is None or not tenant.records_text:
            spans.records_text = False
            return
