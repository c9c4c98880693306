"""Fair shares of a model's time among tenants: weighted, and by what forwards took.

Start-time fair queueing. Every tenant has a **tag**, the time that it was given divided by its
weight, and whoever has the lowest tag goes first. The tags are compared with a **virtual time**,
the lowest tag of those who wait. Who has nothing that waits gets no credit for it: coming back, its
tag is at least the virtual time. So among tenants that always have something waiting, time divided
by weight never differs by more than a tick's share and a forward.

Two things are added, since rows of many tenants ride in one forward:

- **A forward is kept short** while tenants contend, so that who comes in the middle of one does not
  wait for long. Beyond a few rows a forward costs by its rows, so this costs little.
- **A small tenant goes first**, as if it were nearly alone: one whose whole demand fits into its
  share of a tick. What it gets ahead of the others is on its tag, and never more than that share.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from duologue.batching.forward_cost import ForwardCost
from duologue.engine.turns import Order

CROWDED_SCALE = 1.5
"""A forward for which tenants contend takes at most so many times as long as one of a row."""

COMPANY_SHARE = 0.05
"""By so much others may make a small tenant's forward longer."""

MIN_CROWDED_ROWS = 4
"""A forward is never kept below so many rows."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A slice that wants rows of the next forward. Claims come by their age."""

    key: str
    tenant_id: str
    num_rows: int
    num_forwards: int
    """That it may still take, the next one among them."""


class FairShares:
    """The rule; it knows neither a model nor a clock."""

    def __init__(self, period_ms: float, max_rows: int, chunk_rows: int) -> None:
        """Of a model whose ticks are so long, and whose forwards hold so many rows at the most, of
        one session `chunk_rows`."""
        self._period_ms = period_ms
        self._max_rows = max_rows
        self._chunk_rows = chunk_rows
        self._now = 0.0
        self._tags: dict[str, float] = {}

    @property
    def num_remembered(self) -> int:
        """Tenants that are ahead of the virtual time: nothing is kept of others."""
        return len(self._tags)

    def fits(self, claims: Sequence[Claim], cost: ForwardCost) -> bool:
        """Whether all that is claimed can be done within a tick."""
        return self._demand_ms(claims, cost) <= self._period_ms

    def order(
        self, claims: Sequence[Claim], weights: Mapping[str, float], cost: ForwardCost
    ) -> Order:
        """Who rides in the next forward: more than fits is in it, in case that some cannot."""
        by_tenant: dict[str, list[Claim]] = {}
        for claim in claims:
            by_tenant.setdefault(claim.tenant_id, []).append(claim)
        share_ms = self._period_ms / sum(weights[tenant] for tenant in by_tenant)
        small = {
            tenant: own
            for tenant, own in by_tenant.items()
            if self._lead(tenant) + self._demand_ms(own, cost) / weights[tenant] <= share_ms
        }
        first = [claim for tenant in sorted(small, key=self._tag) for claim in small[tenant]]
        rest = {tenant: own for tenant, own in by_tenant.items() if tenant not in small}
        room = max_rows = self._room(first, cost)
        turns = [(claim.key, self._chunk_rows) for claim in first]
        room -= sum(claim.num_rows for claim in first)
        row_ms = cost.ms(max_rows) / max_rows
        each = max(1, max_rows // 2) if len(claims) > 1 else self._chunk_rows
        turns += ((claim.key, each) for claim in self._by_tag(rest, weights, row_ms, each, room))
        return Order(max_rows, turns)

    def charge(
        self,
        spent_ms: Mapping[str, float],
        weights: Mapping[str, float],
        waiting: Collection[str],
    ) -> None:
        """A forward took so long for each of these tenants, and some have slices that it did not
        carry. Where nobody waits, nobody is owed anything."""
        for tenant, ms in spent_ms.items():
            self._tags[tenant] = self._tag(tenant) + ms / weights[tenant]
        if waiting:
            self._now = max(self._now, min(map(self._tag, waiting)))
        else:
            self._now = max((self._now, *self._tags.values()))
        self._tags = {tenant: tag for tenant, tag in self._tags.items() if tag > self._now}

    def _tag(self, tenant_id: str) -> float:
        return max(self._now, self._tags.get(tenant_id, self._now))

    def _lead(self, tenant_id: str) -> float:
        """What a tenant was given ahead of those who wait."""
        return self._tag(tenant_id) - self._now

    def _demand_ms(self, claims: Sequence[Claim], cost: ForwardCost) -> float:
        """What claims take when they have the model for themselves."""
        num_forwards = max(claim.num_forwards for claim in claims)
        num_rows = sum(claim.num_rows + claim.num_forwards - 1 for claim in claims)
        return num_forwards * cost.fixed_ms + num_rows * cost.row_ms

    def _room(self, first: Sequence[Claim], cost: ForwardCost) -> int:
        """Rows of the next forward, of which those of small tenants are some."""
        num_first = min(self._max_rows, sum(claim.num_rows for claim in first))
        if num_first:
            limit_ms = (1 + COMPANY_SHARE) * cost.ms(num_first)
            return max(num_first, cost.rows_within(limit_ms, self._max_rows))
        crowded = cost.rows_within(CROWDED_SCALE * cost.ms(1), self._max_rows)
        return max(min(MIN_CROWDED_ROWS, self._max_rows), crowded)

    def _by_tag(
        self,
        by_tenant: Mapping[str, Sequence[Claim]],
        weights: Mapping[str, float],
        row_ms: float,
        each: int,
        room: int,
    ) -> Sequence[Claim]:
        """Claims by their tenants' tags, which go on with each claim by what it will cost; of one
        tenant by age."""
        owners = list(by_tenant)
        heap = [(self._tag(tenant), number, 0) for number, tenant in enumerate(owners)]
        heapify(heap)
        found: list[Claim] = []
        num_found = [0] * len(owners)
        while heap and room > 0:
            tag, number, index = heappop(heap)
            own = by_tenant[owners[number]]
            found.append(own[index])
            num_found[number] = index + 1
            num_rows = min(own[index].num_rows, each, room)
            room -= num_rows
            if index + 1 < len(own):
                tag += num_rows * row_ms / weights[owners[number]]
                heappush(heap, (tag, number, index + 1))
        for tenant, count in zip(owners, num_found, strict=True):
            found += by_tenant[tenant][count:]
        return found
