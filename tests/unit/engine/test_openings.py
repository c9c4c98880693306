"""Sessions that begin alike: their opening is computed once, whoever comes when."""

from collections.abc import Iterator

import pytest

from duologue.engine.engine import Engine, EngineSettings
from duologue.kv.blocks import CELLS_PER_BLOCK
from duologue.lane.lane import Lane
from duologue.lane.profile import LaneProfile
from duologue.lane.slices import Slice, SliceResult
from duologue.lane.steps import Say
from duologue.states import State
from duologue.strategies.base import Demand, SliceRun, Slicing
from duologue.strategies.duo import DuoStrategy
from duologue.text.token_edit import TokenEdit
from tests.rules.stage import one_thread
from tests.rules.worlds import CHAT, JUDGE, OPENING, SetHead, as_head, tiny_world

PROFILE = LaneProfile(judge=JUDGE, stop_tokens=frozenset())
INSTRUCTIONS = (*OPENING, *(40 + number % 50 for number in range(100 - len(OPENING))))
"""100 tokens: three blocks and four places."""
OTHERS = (*INSTRUCTIONS[:50], 39, *INSTRUCTIONS[51:])


class Bench:
    """An engine on a tiny model whose head says that everything is a query."""

    def __init__(self, num_blocks: int = 200) -> None:
        self.head = SetHead()
        self.world = tiny_world("llama")
        block_bytes = self.world.cell_bytes * CELLS_PER_BLOCK
        settings = EngineSettings(kv_bytes=num_blocks * block_bytes)
        self.engine = Engine(self.world.model, as_head(self.head), settings)

    def open(self, name: str, among: str | None, opening: tuple[int, ...] = INSTRUCTIONS) -> None:
        self.engine.open(name, 1, Lane(CHAT, opening), PROFILE, DuoStrategy(), among)

    def ask(self, *names: str, tick: int = 1) -> dict[str, SliceResult]:
        self.head.script = [State.QUERY] * len(names)
        for name in names:
            edit = TokenEdit(0, (40, 41, 42))
            self.engine.submit(Slice(name, 1, tick, edit=edit, look_ahead_tokens=0))
        results = {}
        while self.engine.has_work:
            for result in self.engine.forward():
                results[result.session_id] = result
            self.engine.check_integrity()
        return results


@pytest.fixture(autouse=True)
def _tiny_matrices_want_one_thread() -> Iterator[None]:
    with one_thread():
        yield


def said(result: SliceResult) -> list[int]:
    return [token for step in result.steps if isinstance(step, Say) for token in step.tokens]


def test_sixty_four_sessions_in_one_tick_compute_their_prompt_once() -> None:
    bench, names = Bench(), [f"s{number}" for number in range(64)]
    for name in names:
        bench.open(name, "acme")
    results = bench.ask(*names)
    num_rows = sum(result.num_rows for result in results.values())
    assert num_rows - len(INSTRUCTIONS) == 64 * (results["s1"].num_rows)
    assert results["s0"].num_rows == results["s1"].num_rows + len(INSTRUCTIONS)
    replies = {tuple(said(result)) for result in results.values()}
    assert len(replies) == 1
    alone = Bench()
    alone.open("s", None)
    assert said(alone.ask("s")["s"]) == list(*replies)


@pytest.mark.parametrize(
    ("among", "opening", "num_shared"),
    [
        ("acme", INSTRUCTIONS, 100),
        ("acme", OTHERS, CELLS_PER_BLOCK),
        ("globex", INSTRUCTIONS, 0),
        (None, INSTRUCTIONS, 0),
    ],
)
def test_who_comes_later_computes_what_is_not_there(
    among: str | None, opening: tuple[int, ...], num_shared: int
) -> None:
    bench = Bench()
    bench.open("first", "acme")
    first = bench.ask("first")["first"]
    bench.engine.close("first", 1)
    bench.open("later", among, opening)
    later = bench.ask("later", tick=2)["later"]
    assert first.num_rows - later.num_rows == num_shared
    alone = Bench()
    alone.open("later", None, opening)
    assert said(later) == said(alone.ask("later")["later"])


def test_a_session_that_rests_finds_its_opening_again() -> None:
    bench = Bench()
    bench.open("a", "acme")
    bench.ask("a")
    num_tokens = bench.engine.lane("a").num_tokens
    bench.engine.rest("a", 1)
    bench.engine.submit(Slice("a", 1, 2, reply_tokens=1))
    [result] = bench.engine.run()
    assert result.num_rows == num_tokens - len(INSTRUCTIONS) + 1 - 1


def test_when_whoever_computes_it_is_gone_the_next_one_does() -> None:
    bench = Bench()
    bench.engine.settings = EngineSettings(prefill_chunk_rows=40)
    for name in ("a", "b"):
        bench.open(name, "acme")
        bench.head.script = [State.QUERY]
        bench.engine.submit(Slice(name, 1, 1, edit=TokenEdit(0, (40, 41, 42))))
    bench.engine.forward()
    assert bench.engine.memory.num_slots == 1, "b waits for a"
    bench.engine.close("a", 1)
    [result] = bench.engine.run()
    assert result.error is None
    assert result.num_rows > len(INSTRUCTIONS)


def test_where_its_maker_finds_no_room_nobody_waits_for_ever() -> None:
    bench = Bench(num_blocks=2)
    for name in ("a", "b"):
        bench.open(name, "acme")
    results = bench.ask("a", "b")
    assert all("blocks" in str(result.error) for result in results.values())


class Recalls(DuoStrategy):
    """Asks for nothing but what has been said."""

    def run(self, run: SliceRun) -> Slicing:
        yield Demand(recall=True)


def test_what_is_wholly_there_needs_no_forward() -> None:
    bench = Bench()
    bench.open("first", "acme")
    bench.ask("first")
    bench.engine.open("later", 1, Lane(CHAT, INSTRUCTIONS), PROFILE, Recalls(), "acme")
    bench.engine.submit(Slice("later", 1, 2))
    [result] = bench.engine.run()
    assert (result.error, result.num_rows, result.num_forwards) == (None, 0, 0)
    assert bench.engine.lane("later").trunk.is_cached
    bench.engine.check_integrity()


def test_cells_that_sessions_share_are_held_once_by_all_together() -> None:
    bench = Bench()
    for name in ("one", "two"):
        bench.open(name, "acme")
    bench.ask("one")
    alone = bench.engine.num_cells_held(["one"])
    assert alone >= len(INSTRUCTIONS)
    assert bench.engine.num_cells_held(["two"]) == 0
    bench.ask("two", tick=2)
    both = bench.engine.num_cells_held(["one", "two"])
    assert alone < both < 2 * alone
    bench.engine.rest("one", 1)
    assert bench.engine.num_cells_held(["one"]) == 0
