"""Who rides in a forward: long texts for which nobody waits do not hold up those who talk."""

from collections.abc import Mapping, Sequence

import pytest

from duologue.engine.engine import EngineSettings
from duologue.engine.order import RECALL_ROWS
from duologue.engine.turns import Order, Wish
from duologue.lane.slices import Slice
from duologue.lane.steps import Note
from duologue.speaker import Speaker
from duologue.states import State
from tests.rules.worlds import OPENING
from tests.unit.engine.test_engine import ASKS, Bench

LONG = 3 * RECALL_ROWS


class Carried:
    """Takes down what forwards carry, and has no wishes of its own."""

    are_contested = False

    def __init__(self) -> None:
        self.forwards: list[Mapping[str, int]] = []

    def choose(self, wishes: Sequence[Wish]) -> Order | None:
        return None

    def carried(self, rows: Mapping[str, int]) -> None:
        self.forwards.append(rows)


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.engine.turns = Carried()
    return bench


def forwards(bench: Bench) -> list[Mapping[str, int]]:
    assert isinstance(bench.engine.turns, Carried)
    return bench.engine.turns.forwards


def note(bench: Bench, name: str, num_tokens: int = LONG) -> None:
    """A session's model is to know a text, which no utterance waits for."""
    bench.open(name)
    noted = Note(Speaker.ASSISTANT, tuple(40 + place % 100 for place in range(num_tokens)))
    bench.engine.submit(Slice(name, 1, 1, notes=(noted,)))


def talk(bench: Bench, name: str) -> None:
    bench.open(name)
    bench.head.script = [State.INCOMPLETE] * 4
    bench.engine.submit(Slice(name, 1, 1, edit=ASKS))


def test_what_nobody_waits_for_is_computed_at_once_where_nobody_talks(bench: Bench) -> None:
    note(bench, "noted")
    bench.run()
    assert len(forwards(bench)) == 1
    assert forwards(bench)[0]["noted"] > LONG


def test_what_nobody_waits_for_takes_few_rows_of_a_forward_that_somebody_waits_for(
    bench: Bench,
) -> None:
    for name in ("one", "two"):
        note(bench, name)
    talk(bench, "talker")
    bench.engine.forward()
    (rows,) = forwards(bench)
    assert rows["talker"] >= len(OPENING) + len(ASKS.append)
    assert rows["one"] + rows.get("two", 0) == RECALL_ROWS


def test_what_nobody_waits_for_goes_on_however_many_talk() -> None:
    """Its session may say the next word meanwhile, which has to wait for it."""
    bench = Bench()
    bench.engine.settings = EngineSettings(max_rows=RECALL_ROWS + 8, prefill_chunk_rows=64)
    note(bench, "noted")
    num_forwards = 0
    while "noted" in bench.engine._jobs:
        talk(bench, f"talker {num_forwards}")
        bench.engine.forward()
        num_forwards += 1
    assert num_forwards == 1 + LONG // RECALL_ROWS


def test_those_who_talk_come_before_what_nobody_waits_for_and_came_later(bench: Bench) -> None:
    bench.engine.settings = EngineSettings(max_rows=40, prefill_chunk_rows=40)
    talk(bench, "first")
    note(bench, "noted", RECALL_ROWS)
    talk(bench, "last")
    bench.engine.forward()
    (rows,) = forwards(bench)
    wanted = len(OPENING) + 2 + len(ASKS.append)
    assert rows == {"first": wanted, "last": wanted, "noted": 40 - 2 * wanted}
