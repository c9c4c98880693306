"""What a reply waited for: nothing is counted twice, and nothing is lost."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.telemetry import names
from duologue.telemetry.span_reading import SpanEvent, SpanRow
from duologue.telemetry.turn_waits import Component, slowest_wait, turn_waits


def row(
    name: str,
    start_ms: float,
    end_ms: float,
    told: Mapping[str, object] | None = None,
    events: tuple[SpanEvent, ...] = (),
) -> SpanRow:
    return SpanRow(name, "test", "t", name, "", start_ms, end_ms, told or {}, events, (), False)


def reply(start_ms: float, end_ms: float, in_ms: float, out_ms: float, number: int = 1) -> SpanRow:
    told = {names.RESPONSE_ID: number, names.RELAY_IN_MS: in_ms, names.RELAY_OUT_MS: out_ms}
    return row(names.RELAY_REPLY, start_ms, end_ms, told)


def turn(ready_ms: float, held_ms: float = 0.0, number: int = 1) -> SpanRow:
    held = {names.HELD_MS: held_ms}
    events = (
        SpanEvent(names.RESPONSE_STARTED, ready_ms, held),
        SpanEvent(names.RESPONSE_PIECE, ready_ms, {}),
        SpanEvent(names.RESPONSE_PIECE, ready_ms + 500, {}),
    )
    return row(names.TURN, 0.0, 5000.0, {names.RESPONSE_ID: number}, events)


def test_each_part_is_where_it_belongs() -> None:
    rows = [
        reply(1000.0, 1500.0, in_ms=10.0, out_ms=20.0),
        turn(1400.0, held_ms=100.0),
        row(names.SLICE, 1050.0, 1290.0, {names.BATCHING_MS: 200.0}),
        row(names.SLICE, 1310.0, 1390.0, {names.BATCHING_MS: 80.0}),  # while the floor holds it
        row(names.JOURNAL_WRITE, 1350.0, 1440.0),
        row(names.JOURNAL_WRITE, 1440.0, 1470.0),
    ]
    (wait,) = turn_waits(rows)
    assert wait.parts_ms == {
        Component.GATEWAY: 30.0,
        Component.SESSION: 100.0,
        Component.BATCHING: 200.0,
        Component.STORE: 70.0,
        Component.FLOOR: 100.0,
    }
    assert wait.told() == (
        "500 ms, slowest: batching actor (batching actor 200, session actor 100, floor 100, "
        "store 70, gateway 30)"
    )


def test_the_slowest_is_the_longest_without_what_was_meant_to_be() -> None:
    rows = [
        reply(0.0, 1000.0, 0.0, 0.0, number=1),
        turn(1000.0, held_ms=900.0, number=1),
        reply(2000.0, 2300.0, 250.0, 0.0, number=2),
        turn(2300.0, number=2),
    ]
    wait = slowest_wait(rows)
    assert wait is not None
    assert (wait.start_ms, wait.slowest) == (2000.0, Component.GATEWAY)


def test_a_reply_without_its_turn_is_passed_over() -> None:
    assert turn_waits([reply(0.0, 1000.0, 0.0, 0.0), turn(500.0, number=2)]) == []
    assert slowest_wait([]) is None


times = st.floats(0.0, 1000.0)
spans = st.lists(st.tuples(times, times).map(sorted), max_size=4)


@given(
    st.tuples(times, times, times).map(sorted),
    times,
    spans,
    spans,
    st.floats(0, 50),
    st.floats(0, 50),
)
def test_the_parts_are_the_wait(
    ends: list[float],
    held_ms: float,
    slices: list[list[float]],
    writes: list[list[float]],
    in_ms: float,
    out_ms: float,
) -> None:
    start_ms, ready_ms, end_ms = ends[0] - in_ms, ends[1], ends[2] + out_ms
    reached_ms, rows = 0.0, [reply(start_ms, end_ms, in_ms, out_ms), turn(ready_ms, held_ms)]
    for begin, end in sorted(slices):  # one after the other, as a session has them
        if begin >= reached_ms:
            rows.append(row(names.SLICE, begin, end, {names.BATCHING_MS: (end - begin) / 2}))
            reached_ms = end
    rows += [row(names.JOURNAL_WRITE, begin, end) for begin, end in writes]
    (wait,) = turn_waits(rows)
    assert all(ms >= 0 for ms in wait.parts_ms.values())
    assert sum(wait.parts_ms.values()) == pytest.approx(wait.ms, abs=1e-6)
