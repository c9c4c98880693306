"""What one tenant's sessions hold together of an engine's cells, and what is done beyond its limit.

A limit disturbs nobody's reply: silent sessions of the tenant give their cells back, which are
computed again when they go on, and it gets no further seats while it holds too much.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from duologue.batching.roster import Roster, Sitting
from duologue.errors import QuotaUsedUp

_AGAIN_MS = 1_000

log = logging.getLogger(__name__)


class HoldsCells(Protocol):
    """The engine."""

    def num_cells_held(self, session_ids: Sequence[str]) -> int: ...


class CellQuota:
    """The limits come with the sessions: a tenant's newest seat says what its limit is."""

    def __init__(
        self, engine: HoldsCells, roster: Roster, give_cells: Callable[[Sitting], None]
    ) -> None:
        self._engine = engine
        self._roster = roster
        self._give_cells = give_cells
        self._looked_at: dict[str, int] = {}

    def check_seat(self, tenant_id: str, limit: int, num_tokens: int) -> None:
        """Raise QuotaUsedUp if another session with so many tokens is too much for the tenant.

        One session may sit in any case, however long it is.
        """
        if not limit:
            return
        held = self._keep_within(tenant_id, limit - num_tokens)
        if held and held + num_tokens > limit:
            raise QuotaUsedUp(
                f"the tenant's sessions hold {held} cells at a batching actor, at most {limit},"
                f" and another one needs {num_tokens}",
                retry_after_ms=_AGAIN_MS,
            )

    def mind(self, sitting: Sitting, tick: int) -> None:
        """A session asks for a slice: once in a tick, see to its tenant's limit."""
        tenant_id, limit = sitting.tenant_id, sitting.max_tenant_cells
        if limit and self._looked_at.get(tenant_id) != tick:
            self._looked_at = {name: at for name, at in self._looked_at.items() if at == tick}
            self._looked_at[tenant_id] = tick
            self._keep_within(tenant_id, limit, apart_from=sitting)

    def _keep_within(self, tenant_id: str, limit: int, apart_from: Sitting | None = None) -> int:
        """Have silent sessions give cells back, those that used theirs longest ago first; returns
        how many the tenant holds then."""
        sittings = [each for each in self._roster if each.tenant_id == tenant_id]
        held = self._engine.num_cells_held([each.key for each in sittings])
        idle = [
            each
            for each in sittings
            if each.may_have_cells and not each.is_busy and each is not apart_from
        ]
        for each in sorted(idle, key=lambda sitting: sitting.used_ms):
            if held <= limit:
                break
            try:
                self._give_cells(each)
            except Exception:
                log.exception("cells could not be taken back in good order")
                each.may_have_cells = False
            held = self._engine.num_cells_held([other.key for other in sittings])
        return held
