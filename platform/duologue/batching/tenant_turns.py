"""Tenants' turns at an engine: who may ride in its next forward, and what each had of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from duologue.batching.fair_shares import Claim, FairShares
from duologue.batching.forward_cost import ForwardCost
from duologue.batching.roster import Roster
from duologue.batching.tenant_use import TenantUse
from duologue.engine.turns import Order, Wish
from duologue.settings import Settings

USE_TICKS = 8
"""Ticks of forwards for which it is remembered who had them."""

SPARING_SHARE = 0.9
"""Who had less than so much of its share is not asked to do with less."""


@dataclass(frozen=True, slots=True)
class Served:
    """A tenant's part in the forwards of a tick."""

    forward_ms: float
    """Of their time, by its rows."""
    num_waiting: int
    """The most slices of it that a forward left waiting for others."""


class TenantTurns:
    """Says nothing while one tenant sits alone, or all that is asked for fits into a tick. The
    engine asks it before a forward; the loop tells it what the forward took."""

    def __init__(
        self, roster: Roster, period_ms: float, *, max_rows: int, chunk_rows: int, is_on: bool
    ) -> None:
        self.cost = ForwardCost()
        self.is_shedding = False
        """Whether slices are cut down because of the load: more was asked for than fits."""
        self._spent_ms: dict[str, float] = {}
        self._num_waiting: Counter[str] = Counter()
        self._roster = roster
        self.is_on = is_on
        """Whether shares are fair; otherwise everything rides as far as it fits."""
        self._shares = FairShares(period_ms, max_rows, chunk_rows)
        self._use = TenantUse(USE_TICKS * period_ms)
        self._claims: Sequence[Claim] = ()
        self._rows: Mapping[str, int] = {}

    @classmethod
    def of(cls, roster: Roster, settings: Settings) -> Self:
        return cls(
            roster,
            settings.decoding.tick_ms,
            max_rows=settings.forward.max_rows,
            chunk_rows=settings.forward.prefill_chunk_rows,
            is_on=settings.batching.fair_shares,
        )

    @property
    def are_contested(self) -> bool:
        """Whether there is anybody to share with."""
        return self.is_on and len(self._roster.weights) > 1

    def choose(self, wishes: Sequence[Wish]) -> Order | None:
        """The order of the next forward; none where everything may ride."""
        claims = [self._claim(wish) for wish in wishes]
        if not claims or (not self.is_shedding and self._shares.fits(claims, self.cost)):
            return None
        self._claims = claims
        return self._shares.order(claims, self._roster.weights, self.cost)

    def carried(self, rows: Mapping[str, int]) -> None:
        """The forward that runs now carries so many rows of these sessions."""
        self._rows = rows

    def took(self, ms: float) -> None:
        """That forward took so long: each row its part of it."""
        rows, claims = self._rows, self._claims
        self._rows, self._claims = {}, ()
        num_rows = sum(rows.values())
        if not num_rows:
            return
        self.cost.measured(num_rows, ms)
        spent_ms: dict[str, float] = {}
        for key, count in rows.items():
            tenant = self._tenant(key)
            spent_ms[tenant] = spent_ms.get(tenant, 0.0) + ms * count / num_rows
        waiting = Counter(claim.tenant_id for claim in claims if claim.key not in rows)
        self._num_waiting |= waiting
        for tenant, share_ms in spent_ms.items():
            self._spent_ms[tenant] = self._spent_ms.get(tenant, 0.0) + share_ms
        self._use.add(spent_ms)
        self._shares.charge(spent_ms, self._roster.weights, waiting)

    def settle(self) -> Mapping[str, Served]:
        """What became of each tenant that was served since the last time, or waited."""
        spent_ms, waiting = self._spent_ms, self._num_waiting
        self._spent_ms, self._num_waiting = {}, Counter()
        return {
            tenant: Served(spent_ms.get(tenant, 0.0), waiting[tenant])
            for tenant in spent_ms.keys() | waiting.keys()
        }

    def is_sparing(self, tenant_id: str) -> bool:
        """Whether a tenant had less than its share lately, so that what is too much is not
        its doing."""
        if not self.are_contested:
            return False
        weights = self._roster.weights
        share = weights[tenant_id] / sum(weights.values())
        return self._use.share(tenant_id) < SPARING_SHARE * share

    def _claim(self, wish: Wish) -> Claim:
        return Claim(wish.key, self._tenant(wish.key), wish.num_rows, wish.num_forwards)

    def _tenant(self, key: str) -> str:
        sitting = self._roster.of(key)
        assert sitting is not None, key
        return sitting.tenant_id
