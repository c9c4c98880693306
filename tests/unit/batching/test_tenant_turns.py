"""Tenants' turns: when they count, and what they are charged with."""

import pytest

from duologue.batching.messages import Take
from duologue.batching.roster import Roster
from duologue.batching.tenant_turns import Served, TenantTurns
from duologue.engine.turns import Wish
from duologue.lane.lane import Lane
from duologue.lane.state import LaneState
from duologue.strategies.registry import strategy_named
from tests.unit.batching.stage import CHAT, PROFILE

PERIOD_MS = 160.0


class Scene:
    """A roster, and turns that were told that a forward costs 12 ms and one for each row."""

    def __init__(self, *, is_on: bool = True) -> None:
        self.roster = Roster()
        self.turns = TenantTurns(self.roster, PERIOD_MS, max_rows=64, chunk_rows=32, is_on=is_on)
        for num_rows in (1, 4, 8, 16) * 8:
            self.turns.cost.measured(num_rows, 12.0 + num_rows)

    def seat(self, tenant_id: str, count: int, weight: float = 1.0) -> None:
        lane = LaneState.of(Lane(CHAT, (1, 2)))
        for number in range(count):
            key = f"{tenant_id}/{number}"
            duo = strategy_named("duo")
            take = Take(key, key, key, 1, duo, lane, PROFILE, tenant_id=tenant_id, weight=weight)
            self.roster.add(take)

    def leave(self, tenant_id: str, number: int) -> None:
        sitting = self.roster.of(f"{tenant_id}/{number}")
        assert sitting is not None
        self.roster.remove(sitting)

    def wishes(self) -> list[Wish]:
        return [Wish(sitting.key, 1, 4) for sitting in self.roster]


def test_a_tenant_alone_is_asked_nothing() -> None:
    scene, contested = Scene(), []
    scene.seat("a", 40)
    contested.append(scene.turns.are_contested)
    scene.seat("b", 1)
    contested.append(scene.turns.are_contested)
    scene.leave("b", 0)
    assert [*contested, scene.turns.are_contested] == [False, True, False]
    assert scene.roster.weights == {"a": 1.0}


def test_shares_can_be_turned_off() -> None:
    scene = Scene(is_on=False)
    scene.seat("a", 40)
    scene.seat("b", 1)
    assert not scene.turns.are_contested
    assert not scene.turns.is_sparing("b")


def test_what_fits_into_a_tick_rides_as_ever_unless_it_was_made_to_fit() -> None:
    scene = Scene()
    scene.seat("a", 10)
    scene.seat("b", 1)
    assert scene.turns.choose(scene.wishes()) is None
    scene.turns.is_shedding = True
    order = scene.turns.choose(scene.wishes())
    assert order is not None
    assert order.turns[0] == ("b/0", 32)


def test_the_time_of_a_forward_goes_by_rows_and_those_who_wait_are_told_of() -> None:
    scene = Scene()
    scene.seat("a", 40)
    scene.seat("b", 1)
    assert scene.turns.choose(scene.wishes()) is not None
    scene.turns.carried({"b/0": 1, "a/0": 2, "a/1": 1})
    scene.turns.took(16.0)
    scene.turns.carried({"b/0": 1})
    scene.turns.took(13.0)
    assert scene.turns.settle() == {"a": Served(12.0, 38), "b": Served(17.0, 0)}
    assert scene.turns.settle() == {}


def test_a_forward_that_was_never_told_of_is_nobodys() -> None:
    scene = Scene()
    scene.seat("a", 1)
    scene.turns.took(16.0)
    assert scene.turns.settle() == {}


@pytest.mark.parametrize(("weight", "is_sparing"), [(1.0, False), (3.0, True)])
def test_sparing_is_who_had_less_than_its_share(weight: float, is_sparing: bool) -> None:
    scene = Scene()
    scene.seat("a", 10)
    scene.seat("b", 10, weight=weight)
    for _ in range(50):
        scene.turns.carried({"a/0": 1, "b/0": 1})
        scene.turns.took(10.0)
    assert scene.turns.is_sparing("b") is is_sparing
    assert not scene.turns.is_sparing("a")
