"""Fair shares, without a model: tenants come and go, and forwards cost what a line says."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duologue.batching.fair_shares import (
    COMPANY_SHARE,
    CROWDED_SCALE,
    MIN_CROWDED_ROWS,
    Claim,
    FairShares,
)
from duologue.batching.forward_cost import ForwardCost

PERIOD_MS = 160.0
FIXED_MS, ROW_MS = 12.0, 1.0
MAX_ROWS, CHUNK_ROWS = 64, 32


@dataclass
class Work:
    """A slice under way."""

    key: str
    tenant_id: str
    num_rows: int
    num_forwards: int

    def claim(self) -> Claim:
        return Claim(self.key, self.tenant_id, self.num_rows, self.num_forwards)

    def carry(self, num_rows: int) -> None:
        """A forward whose rows end what was wanted gives a token; then there is another row."""
        self.num_rows -= num_rows
        if self.num_rows == 0:
            self.num_forwards -= 1
            self.num_rows = 1


@dataclass
class World:
    """A model that is shared by the rule."""

    weights: dict[str, float]
    cost: ForwardCost = field(default_factory=lambda: ForwardCost(FIXED_MS, ROW_MS))
    work: list[Work] = field(default_factory=list)
    spent_ms: dict[str, float] = field(default_factory=dict)
    longest_ms: float = 0.0
    num_rows: int = 0
    """Of the last forward."""
    waited: set[str] = field(default_factory=set)
    """Tenants that had slices which the last forward did not carry."""
    done: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shares = FairShares(PERIOD_MS, MAX_ROWS, CHUNK_ROWS)
        self.spent_ms = dict.fromkeys(self.weights, 0.0)

    def ask(self, key: str, tenant_id: str, num_rows: int = 1, num_forwards: int = 4) -> None:
        if all(each.key != key for each in self.work):
            self.work.append(Work(key, tenant_id, num_rows, num_forwards))

    def forward(self) -> float:
        """Runs one as the engine does; returns how long it took."""
        claims = [each.claim() for each in self.work]
        if self.shares.fits(claims, self.cost):
            turns: Sequence[tuple[str, int]] = [(claim.key, CHUNK_ROWS) for claim in claims]
            room = MAX_ROWS
        else:
            order = self.shares.order(claims, self.weights, self.cost)
            turns, room = order.turns, order.max_rows
            assert sorted(key for key, _ in turns) == sorted(claim.key for claim in claims)
            assert 1 <= room <= MAX_ROWS
        work, carried = {each.key: each for each in self.work}, dict[str, int]()
        for key, most in turns:
            if room == 0:
                break
            carried[key] = min(most, room, work[key].num_rows)
            room -= carried[key]
            work[key].carry(carried[key])
        self.num_rows = sum(carried.values())
        took_ms = self.cost.ms(self.num_rows)
        spent_ms = dict[str, float]()
        for key, count in carried.items():
            tenant_id = work[key].tenant_id
            spent_ms[tenant_id] = spent_ms.get(tenant_id, 0.0) + took_ms * count / self.num_rows
        self.waited = {each.tenant_id for each in self.work if each.key not in carried}
        self.shares.charge(spent_ms, self.weights, self.waited)
        for tenant_id, ms in spent_ms.items():
            self.spent_ms[tenant_id] += ms
        self.longest_ms = max(self.longest_ms, took_ms)
        self.done += [each.key for each in self.work if each.num_forwards == 0]
        self.work = [each for each in self.work if each.num_forwards]
        return took_ms


@dataclass(frozen=True)
class Tenant:
    """Sessions that ask again as soon as they are answered, in some of the rounds."""

    weight: float
    num_sessions: int
    num_rows: int
    num_forwards: int
    is_there: tuple[bool, ...]


ROUNDS = 6
FORWARDS_PER_ROUND = 25
TENANTS = st.lists(
    st.builds(
        Tenant,
        weight=st.sampled_from([0.5, 1.0, 2.0, 4.0]),
        num_sessions=st.integers(1, 30),
        num_rows=st.integers(1, 40),
        num_forwards=st.integers(1, 4),
        is_there=st.tuples(*[st.booleans()] * ROUNDS),
    ),
    min_size=2,
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(tenants=TENANTS)
def test_who_waits_gets_its_share_and_nobody_a_credit_for_having_been_idle(
    tenants: list[Tenant],
) -> None:
    weights = {f"t{number}": tenant.weight for number, tenant in enumerate(tenants)}
    world = World(weights)
    # By pair: when both wait, what the second got more than the first, by weight, since they did.
    since: dict[tuple[str, str], float] = {}

    def ahead(pair: tuple[str, str]) -> float:
        first, second = (world.spent_ms[each] / weights[each] for each in pair)
        return second - first

    for number in range(ROUNDS * FORWARDS_PER_ROUND):
        for name, tenant in zip(weights, tenants, strict=True):
            if tenant.is_there[number // FORWARDS_PER_ROUND]:
                for session in range(tenant.num_sessions):
                    world.ask(f"{name}/{session}", name, tenant.num_rows, tenant.num_forwards)
        if not world.work:
            continue
        before = {pair: ahead(pair) for pair in combinations(weights, 2)}
        world.forward()
        for pair, was_ahead in before.items():
            if not world.waited.issuperset(pair):
                since.pop(pair, None)
                continue
            gained = abs(ahead(pair) - since.setdefault(pair, was_ahead))
            tick_share_ms = PERIOD_MS / sum(weights[each] for each in pair)
            slices_ms = sum(world.longest_ms / weights[each] for each in pair)
            assert gained <= 2 * (tick_share_ms + slices_ms)
        assert world.shares.num_remembered <= len(weights)
    while world.work:
        world.forward()
    assert world.shares.num_remembered == 0


@settings(max_examples=60, deadline=None)
@given(tenants=TENANTS)
def test_a_forward_carries_all_that_it_holds_and_the_oldest_comes_to_an_end(
    tenants: list[Tenant],
) -> None:
    world = World({f"t{number}": tenant.weight for number, tenant in enumerate(tenants)})
    for name, tenant in zip(world.weights, tenants, strict=True):
        for session in range(tenant.num_sessions):
            world.ask(f"{name}/{session}", name, tenant.num_rows, tenant.num_forwards)
    num_rows = sum(each.num_rows + each.num_forwards - 1 for each in world.work)
    oldest = {name: f"{name}/0" for name in world.weights}
    # Whatever else is asked for: what was there first is done in so many forwards.
    rounds = 0
    while not set(oldest.values()) <= set(world.done):
        for name in world.weights:
            world.ask(f"{name}/late{rounds}", name, 40, 4)
        wanted = sum(min(each.num_rows, CHUNK_ROWS) for each in world.work)
        world.forward()
        assert world.num_rows >= min(wanted, MIN_CROWDED_ROWS)
        rounds += 1
        assert rounds <= 4 * num_rows * len(world.weights) / min(world.weights.values())


def crowd(world: World, tenant_id: str, num_sessions: int, num_forwards: int = 4) -> None:
    for session in range(num_sessions):
        world.ask(f"{tenant_id}/{session}", tenant_id, 1, num_forwards)


def test_nothing_is_said_while_everything_fits_into_a_tick() -> None:
    shares, cost = FairShares(PERIOD_MS, MAX_ROWS, CHUNK_ROWS), ForwardCost(FIXED_MS, ROW_MS)
    claims = [Claim(f"a/{number}", "a", 1, 4) for number in range(28)]
    assert shares.fits(claims, cost)  # 4 x 12 ms and 112 rows
    assert not shares.fits([*claims, Claim("b/0", "b", 1, 4)], cost)
    assert shares.fits(claims * 10, ForwardCost())  # nothing was measured yet


def test_a_small_tenant_goes_first_and_nearly_alone() -> None:
    world = World({"a": 1.0, "b": 1.0})
    crowd(world, "a", 40)
    world.forward()
    world.ask("b/0", "b", 2, 3)
    took_ms = [world.forward() for _ in range(3)]
    assert "b/0" in world.done
    alone_ms = [world.cost.ms(2), world.cost.ms(1), world.cost.ms(1)]
    assert all(
        took <= (1 + COMPANY_SHARE) * alone for took, alone in zip(took_ms, alone_ms, strict=True)
    )


def test_who_never_stops_asking_is_not_small_for_ever() -> None:
    world = World({"a": 1.0, "b": 1.0})
    for _ in range(200):
        crowd(world, "a", 40)
        crowd(world, "b", 3, num_forwards=2)  # 30 of its 80 ms
        world.forward()
    ahead_ms = world.spent_ms["b"] - world.spent_ms["a"]
    assert ahead_ms <= PERIOD_MS / 2 + world.longest_ms


def test_a_forward_for_which_tenants_contend_is_kept_short() -> None:
    world = World({"a": 1.0, "b": 1.0})
    crowd(world, "a", 40)
    crowd(world, "b", 40)
    assert world.forward() <= CROWDED_SCALE * world.cost.ms(1)
    assert world.num_rows > MIN_CROWDED_ROWS


def test_a_long_prefill_leaves_others_of_its_tenant_room() -> None:
    world = World({"a": 1.0, "b": 1.0})
    world.ask("a/long", "a", 1000, 1)
    crowd(world, "a", 1, num_forwards=1)
    world.forward()
    assert world.done == ["a/0"]


@pytest.mark.parametrize("weight", [0.5, 1.0, 3.0])
def test_shares_are_by_weight(weight: float) -> None:
    world = World({"a": 1.0, "b": weight})
    for _ in range(400):
        crowd(world, "a", 40)
        crowd(world, "b", 20)
        world.forward()
    assert world.spent_ms["b"] == pytest.approx(weight * world.spent_ms["a"], rel=0.05)
