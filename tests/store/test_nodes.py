"""Whoever stops announcing itself is forgotten, and drained nodes take nothing."""

import dataclasses
import json

import pytest

from duologue.clock import ManualClock
from duologue.cluster_status import BatcherStatus, Capacity, NodeStatus, Shedding
from duologue.errors import CapacityExceeded, UnknownNode
from duologue.store.encoding import (
    batcher_from_json,
    figures_to_json,
    node_from_json,
    status_to_json,
    with_figures,
)
from duologue.store.store import Store

NODE = NodeStatus("n1", "host:1", sessions=3, max_sessions=8, warm_actors=2)
BATCHER = BatcherStatus(
    "b1",
    "unix:/socket",
    "n1",
    sessions=3,
    max_sessions=6,
    shedding=Shedding.LOOK_AHEAD,
    late_tick_share=0.25,
    model="model",
    is_healthy=True,
)
TELLING = dataclasses.replace(
    BATCHER,
    tick_ms=61.5,
    longest_tick_ms=97.25,
    deadline_ms=160.0,
    rows_per_forward=8.5,
    held_cells=640,
    max_cells=4_096,
)


async def test_they_come_back_as_they_announced_themselves(store: Store) -> None:
    other = dataclasses.replace(NODE, node_id="n0")
    await store.announce_node(NODE)
    await store.announce_node(other)
    await store.announce_batcher(BATCHER)
    assert await store.nodes() == (other, NODE)
    assert await store.batchers() == (BATCHER,)
    fuller = dataclasses.replace(BATCHER, sessions=6, shedding=Shedding.ADMISSION)
    await store.announce_batcher(fuller)
    assert await store.batchers() == (fuller,)


async def test_figures_come_back_to_who_asks_for_them(store: Store, clock: ManualClock) -> None:
    others = [dataclasses.replace(BATCHER, batcher_id=name) for name in ("b0", "b2")]
    for each in (TELLING, *others):
        await store.announce_batcher(each, ttl_ms=1_000)
    assert await store.batchers() == (others[0], BATCHER, others[1])
    assert await store.batchers_with_figures() == (others[0], TELLING, others[1])
    await store.retract_batcher("b0")
    assert await store.batchers_with_figures() == (TELLING, others[1])
    clock.advance(1_000)
    assert await store.batchers_with_figures() == ()


def test_announcements_of_other_versions_are_read() -> None:
    """One before this reads no names that it does not know; a newer one may have more of them."""
    before = {"batcher_id", "address", "node_id", "sessions", "max_sessions", "shedding"}
    before |= {"late_tick_share", "model", "is_healthy", "is_draining"}
    told = json.loads(status_to_json(TELLING))
    assert told.keys() == before
    assert with_figures(BATCHER, []) == BATCHER
    newer = json.dumps({**told, "colour": "green"}).encode()
    assert batcher_from_json(newer, is_marked=False) == BATCHER
    figures = {**json.loads(figures_to_json(TELLING)), "colour": "green"}
    assert with_figures(BATCHER, [json.dumps(figures).encode()]) == TELLING
    newer = json.dumps({**dataclasses.asdict(NODE), "colour": "green"}).encode()
    assert node_from_json(newer, is_marked=True) == dataclasses.replace(NODE, is_draining=True)


async def test_silence_ends_with_being_forgotten(store: Store, clock: ManualClock) -> None:
    await store.announce_node(NODE, ttl_ms=1_000)
    await store.announce_batcher(BATCHER, ttl_ms=2_000)
    clock.advance(999)
    assert await store.nodes() == (NODE,)
    clock.advance(1)
    assert (await store.nodes(), await store.batchers()) == ((), (BATCHER,))
    clock.advance(1_000)
    assert await store.batchers() == ()


async def test_whoever_goes_in_order_is_gone_at_once(store: Store) -> None:
    await store.announce_node(NODE)
    await store.announce_batcher(BATCHER)
    await store.retract_node("n1")
    await store.retract_batcher("b1")
    await store.retract_batcher("none")
    assert (await store.nodes(), await store.batchers()) == ((), ())


async def test_a_node_learns_that_it_is_to_be_drained(store: Store, clock: ManualClock) -> None:
    assert await store.announce_node(NODE) is False
    drained = dataclasses.replace(NODE, is_draining=True)
    assert await store.mark_draining("n1") == drained
    assert await store.announce_node(NODE) is True
    assert await store.nodes() == (drained,)
    assert await store.mark_draining("n1", False) == NODE
    assert await store.announce_node(NODE) is False
    await store.mark_draining("n1")
    clock.advance(5_000)
    assert await store.announce_node(NODE) is False  # it was gone in between: this is another


async def test_what_is_not_there_cannot_be_drained(store: Store, clock: ManualClock) -> None:
    await store.announce_batcher(BATCHER)
    await store.announce_node(NODE, ttl_ms=1)
    clock.advance(1)
    for name in ("n1", "b1", "none"):
        with pytest.raises(UnknownNode, match=f"no node '{name}' that is alive"):
            await store.mark_draining(name)


async def test_a_cluster_has_bounds(store: Store) -> None:
    for number in range(3):
        await store.announce_node(dataclasses.replace(NODE, node_id=f"n{number}"))
    with pytest.raises(CapacityExceeded, match="has 3 members of this kind"):
        await store.announce_node(dataclasses.replace(NODE, node_id="more"))
    await store.announce_node(NODE)
    await store.announce_batcher(BATCHER)


async def test_the_clusters_capacity(store: Store) -> None:
    assert not (await store.capacity()).admits
    await store.announce_node(NODE)
    assert await store.capacity() == Capacity(live_sessions=3, max_sessions=0, room=0)
    await store.announce_batcher(BATCHER)
    assert await store.capacity() == Capacity(live_sessions=3, max_sessions=6, room=3)
    await store.mark_draining("n1")
    assert await store.capacity() == Capacity(live_sessions=3, max_sessions=3, room=0)


CLOSED = [{"is_healthy": False}, {"shedding": Shedding.ADMISSION}, {"sessions": 7}]


@pytest.mark.parametrize("change", CLOSED, ids=str)
def test_a_batcher_that_seats_nobody_makes_no_room(change: dict[str, object]) -> None:
    closed = dataclasses.replace(BATCHER, **change)  # type: ignore[arg-type]
    assert not Capacity.of([NODE], [closed]).admits
    assert Capacity.of([NODE], [closed, BATCHER]).room == 3
