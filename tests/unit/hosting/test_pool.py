"""Which actor takes which session, and which are started and ended."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.cluster_status import BatcherStatus, Shedding
from duologue.errors import CapacityExceeded
from duologue.hosting.placement import seats_in_order
from duologue.hosting.pool import MAX_SERVED, MAX_STARTING, ActorPhase, Pool, PooledActor


def warm(pool: Pool) -> None:
    """Start what there is to start, until there is enough."""
    while places := pool.to_start():
        for place in places:
            pool.started(place, f"address-{place.number}")


def bind(pool: Pool, tenant: str, session: str) -> PooledActor:
    place = pool.reserve((tenant, session))
    assert place is not None
    pool.bound(place, 1)
    return place


def test_it_is_filled_a_few_at_a_time() -> None:
    pool = Pool(5, 10)
    assert len(pool.to_start()) == MAX_STARTING
    assert pool.to_start() == []
    warm_up = tuple(pool)
    for place in warm_up:
        pool.started(place, "x")
    warm(pool)
    assert pool.num_waiting == 5


def test_it_is_refilled_when_an_actor_is_taken_or_dies() -> None:
    pool = Pool(2, 10)
    warm(pool)
    bind(pool, "acme", "s")
    assert len(pool.to_start()) == 1
    pool.lost(next(place for place in pool if place.phase is ActorPhase.WARM))
    assert len(pool.to_start()) == 1


def test_there_are_never_more_actors_than_sessions_could_be() -> None:
    pool = Pool(4, 3)
    warm(pool)
    assert len(pool) == 3
    bind(pool, "acme", "s")
    assert pool.to_start() == []


def test_a_full_node_says_so_and_changes_nothing() -> None:
    pool = Pool(1, 1)
    warm(pool)
    bind(pool, "acme", "s")
    with pytest.raises(CapacityExceeded, match="has 1 live sessions, the most"):
        pool.reserve(("acme", "t"))
    assert pool.num_bound == 1


def test_one_is_started_for_a_session_that_waits_though_none_is_to_be_kept_warm() -> None:
    pool = Pool(0, 4)
    assert pool.to_start() == []
    assert pool.reserve(("acme", "s")) is None
    (place,) = pool.to_start(num_wanted=1)
    pool.started(place, "x")
    assert pool.reserve(("acme", "s")) is place


def test_an_actor_that_served_a_tenant_serves_that_one_only() -> None:
    pool = Pool(1, 8)
    warm(pool)
    used = bind(pool, "acme", "s")
    assert pool.released(used)
    assert pool.reserve(("other", "t")) is not used
    assert pool.reserve(("acme", "u")) is used


def test_no_more_of_them_are_kept_than_wait_fresh() -> None:
    pool = Pool(1, 8)
    places = []
    for number in range(2):
        warm(pool)
        places.append(bind(pool, "acme", str(number)))
    assert pool.released(places[0])
    assert not pool.released(places[1])
    assert places[1] not in tuple(pool)


def test_an_actor_is_retired_after_many_sessions() -> None:
    pool = Pool(1, 8)
    warm(pool)
    for number in range(MAX_SERVED - 1):
        assert pool.released(bind(pool, "acme", str(number)))
    assert not pool.released(bind(pool, "acme", "last"))


def test_a_drained_node_takes_nothing_and_keeps_nothing() -> None:
    pool = Pool(2, 8)
    warm(pool)
    live = bind(pool, "acme", "s")
    pool.is_draining = True
    assert [place.phase for place in pool.to_end()] == [ActorPhase.WARM]
    assert pool.to_start() == []
    with pytest.raises(CapacityExceeded, match="is being drained"):
        pool.reserve(("acme", "t"))
    assert not pool.released(live)
    assert len(pool) == 0


@given(st.data())
def test_whatever_happens_no_actor_serves_two_tenants_and_the_bounds_hold(
    data: st.DataObject,
) -> None:
    pool = Pool(data.draw(st.integers(0, 3)), data.draw(st.integers(1, 5)))
    served: dict[PooledActor, set[str]] = {}
    for number in range(data.draw(st.integers(1, 40))):
        do = data.draw(st.sampled_from(["start", "up", "bind", "free", "die", "drain"]))
        places = {phase: [p for p in pool if p.phase is phase] for phase in ActorPhase}
        if do == "start":
            pool.to_start(data.draw(st.integers(0, 3)))
        elif do == "up" and places[ActorPhase.STARTING]:
            pool.started(places[ActorPhase.STARTING][0], "x")
        elif do == "bind":
            tenant = data.draw(st.sampled_from("ab"))
            try:
                place = pool.reserve((tenant, str(number)))
            except CapacityExceeded:
                assert pool.is_draining or pool.num_bound == pool.max_sessions
                continue
            if place is not None:
                pool.bound(place, 1)
                served.setdefault(place, set()).add(tenant)
        elif do == "free" and places[ActorPhase.LIVE]:
            pool.released(data.draw(st.sampled_from(places[ActorPhase.LIVE])))
        elif do == "die" and len(pool):
            pool.lost(data.draw(st.sampled_from(tuple(pool))))
        elif do == "drain":
            pool.is_draining = data.draw(st.booleans())
        assert pool.num_bound <= pool.max_sessions
        assert all(len(tenants) == 1 for tenants in served.values())
        assert sum(place.phase is ActorPhase.STARTING for place in pool) <= MAX_STARTING
        keys = [place.key for place in pool if place.key is not None]
        assert len(keys) == len(set(keys))


def batcher(name: str, node: str = "n", sessions: int = 0, **changes: object) -> BatcherStatus:
    return BatcherStatus(name, f"at-{name}", node, sessions, 4, **changes)  # type: ignore[arg-type]


def test_a_seat_is_sought_on_the_same_node_then_where_there_is_most_room() -> None:
    found = seats_in_order(
        [batcher("a", "m"), batcher("b", sessions=2), batcher("c", sessions=1)], "n"
    )
    assert [each.batcher_id for each in found] == ["c", "b", "a"]


def test_those_without_room_or_that_failed_come_last_and_sick_ones_not_at_all() -> None:
    found = seats_in_order(
        [
            batcher("failed"),
            batcher("full", sessions=4),
            batcher("overloaded", shedding=Shedding.ADMISSION),
            batcher("sick", is_healthy=False),
            batcher("far", "m", sessions=3),
        ],
        "n",
        {"at-failed"},
    )
    assert [each.batcher_id for each in found] == ["far", "overloaded", "full", "failed"]


def test_those_that_are_drained_are_passed_over_and_those_of_other_models() -> None:
    found = seats_in_order(
        [
            batcher("going", is_draining=True),
            batcher("other", model="large"),
            batcher("right", model="small"),
        ],
        "n",
        model="small",
    )
    assert [each.batcher_id for each in found] == ["right"]
    assert batcher("going", is_draining=True).room == 0
