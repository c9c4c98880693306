"""An utterance that was decided and goes on after all: it need not be computed again."""

import pytest

from duologue.kv.channel import Channel
from duologue.lane.steps import Hear, Ignore, Promote, Promotion, Reopen, Step, Trim
from tests.unit.lane.fake_cells import check_pasts, compute
from tests.unit.lane.test_lane import SPEAKING, Bench

FIRST = Hear(0, (1, 2, 3))
DECIDED: list[Step] = [
    Promote(Promotion.REBASE),
    Promote(Promotion.REBASE, answer=False),
    Ignore(),
]


def adapted(*steps: Step) -> Bench:
    bench = Bench(adapts_input=True)
    for step in steps:
        bench.do(step)
    return bench


def go_on(bench: Bench, decided: Step) -> None:
    """The next word comes: a promoted utterance returns, an ignored one is said once more."""
    if isinstance(decided, Promote):
        bench.apply(Reopen())
        bench.apply(Hear(3, (4,)))
    else:
        bench.apply(Hear(0, (1, 2, 3, 4)))


@pytest.mark.parametrize("before", [(), SPEAKING])
@pytest.mark.parametrize("decided", DECIDED)
def test_only_the_next_word_is_computed(before: tuple[Step, ...], decided: Step) -> None:
    bench = adapted(*before, FIRST)
    said = list(bench.lane.input.cells)
    bench.do(decided)
    assert bench.lane.channel(Channel.KEPT).cells == said
    go_on(bench, decided)
    assert bench.lane.input.cells == said
    assert bench.lane.input.num_uncached == 1
    check_pasts(bench.lane, bench.cells)


def test_it_returns_though_the_cut_reply_was_kept_in_the_trunk_meanwhile() -> None:
    bench = adapted(*SPEAKING, FIRST)
    said = list(bench.lane.input.cells)
    bench.do(Promote(Promotion.REBASE, keep=2, aside_tokens=3))
    bench.apply(Reopen())
    assert bench.lane.input.cells == said
    check_pasts(bench.lane, bench.cells)


def test_another_utterance_keeps_what_begins_alike() -> None:
    bench = adapted(FIRST, Ignore())
    kept = list(bench.lane.channel(Channel.KEPT).cells)
    bench.apply(Hear(0, (1, 9)))
    assert bench.lane.input.cells == kept[:3], "the header and one token"
    assert not bench.lane.channel(Channel.KEPT).cells
    check_pasts(bench.lane, bench.cells)


@pytest.mark.parametrize("decided", DECIDED)
def test_behind_another_trunk_nothing_of_it_is_right(decided: Step) -> None:
    bench = adapted(*SPEAKING, FIRST, Promote(Promotion.REBASE), FIRST)
    bench.do(decided)
    bench.do(Trim(1))
    assert not bench.lane.channel(Channel.KEPT).cells
    go_on(bench, decided)
    assert not bench.lane.input.cells


def test_it_gives_its_cells_up_where_there_is_no_room() -> None:
    bench = adapted(FIRST, Ignore())
    assert bench.lane.drop_spare_cells()
    assert not bench.lane.drop_spare_cells()
    assert Channel.KEPT not in bench.cells.owners.values()
    bench.apply(Hear(0, (1, 2)))
    assert not bench.lane.input.cells


def test_without_adaptation_the_trunk_has_its_cells() -> None:
    bench = Bench(FIRST)
    said = list(bench.lane.input.cells)
    bench.do(Promote(Promotion.REBASE))
    assert not bench.lane.channel(Channel.KEPT).cells
    bench.apply(Reopen())
    assert bench.lane.input.cells == said
    compute(bench.lane, bench.cells)
    check_pasts(bench.lane, bench.cells)
