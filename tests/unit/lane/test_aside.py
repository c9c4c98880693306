"""A reply that a query cut, kept whole, and what becomes of it."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.kv.channel import Channel
from duologue.lane.lane import Lane
from duologue.lane.phase import ReplyPhase
from duologue.lane.state import LaneState
from duologue.lane.steps import (
    Amend,
    Conclude,
    EndReason,
    Finish,
    Hear,
    Pause,
    Promote,
    Promotion,
    Reopen,
    Say,
    Step,
    Trim,
)
from tests.unit.lane.fake_cells import CHAT, OPENING, STATED, check_pasts, compute
from tests.unit.lane.test_lane import QUESTION, SPEAKING, Bench, possible_steps

CUT = (*SPEAKING, Hear(0, (5, 6)))
"""A reply of the tokens 20 to 22, and the user who cuts in."""
SECOND = [110, 111, 5, 6, 112]


def cut(
    keep: int = 2,
    tail: tuple[int, ...] = (77,),
    *,
    policy: Promotion = Promotion.REBASE,
    answer: bool = True,
    aside_tokens: int = 3,
    is_finished: bool = False,
) -> Promote:
    return Promote(policy, keep, tail, answer, aside_tokens, is_finished)


def tokens_of(lane: Lane) -> list[list[int]]:
    return [list(lane.channel(owner).tokens) for owner in STATED]


# Set aside.


def test_what_was_heard_of_it_stands_in_the_trunk_as_ever() -> None:
    bench, other = Bench(*CUT, cut()), Bench(*CUT, Promote(Promotion.REBASE, 2, (77,)))
    assert bench.trunk == other.trunk == [*QUESTION, 120, 121, 20, 21, 77, 122, *SECOND]
    assert bench.lane.output.tokens == other.lane.output.tokens
    assert (bench.lane.num_replies, bench.lane.reply_number) == (2, 2)
    assert bench.lane.num_aside_tokens == 3
    assert other.lane.aside is None


def test_its_cells_stay_where_they_were_computed() -> None:
    bench = Bench(*CUT)
    said = list(bench.lane.output.cells)
    bench.apply(cut())
    assert bench.lane.trunk.cells[-4:] == said[:4], "the header and what was heard of it"
    assert bench.lane.channel(Channel.ASIDE).cells == said[4:]
    assert bench.lane.first_position(Channel.ASIDE) == len(OPENING) + len(QUESTION) + 4
    assert bench.lane.channel(Channel.ASIDE).tokens == [120, 121, 20, 21, 22]


@pytest.mark.parametrize("nothing_heard", [cut(0, ()), cut(2, policy=Promotion.BRANCH)])
def test_all_its_cells_stay_when_nothing_of_it_is_kept_in_the_trunk(nothing_heard: Promote) -> None:
    bench = Bench(*CUT)
    said, heard = list(bench.lane.output.cells), list(bench.lane.input.cells)
    bench.apply(nothing_heard)
    assert bench.trunk == [*QUESTION, *SECOND]
    assert bench.lane.channel(Channel.ASIDE).cells == said
    assert bench.lane.trunk.cells[-len(heard) :] == heard


def test_it_has_no_cells_when_the_trunk_lacks_some() -> None:
    bench = Bench(*CUT)
    bench.cells.free(bench.lane.trunk.uncache(5))
    bench.cells.free([*bench.lane.output.uncache(), *bench.lane.input.uncache()])
    bench.apply(cut())
    assert not bench.lane.channel(Channel.ASIDE).cells


def test_so_much_of_it_is_set_aside_and_the_rest_is_lost() -> None:
    """What was said in the very slice that heard the query is not."""
    bench = Bench(*CUT, cut(1, (), aside_tokens=2))
    bench.apply(Reopen())
    assert bench.lane.reply == [20, 21]


def test_the_next_query_drops_it() -> None:
    bench = Bench(*CUT, cut(), Say((30, 31)), Hear(0, (8,)))
    bench.apply(Promote(Promotion.REBASE, keep=1))
    assert bench.lane.aside is None
    assert Channel.ASIDE not in bench.cells.owners.values()


def test_the_next_query_may_set_its_own_reply_aside() -> None:
    bench = Bench(*CUT, cut(), Say((30, 31)), Hear(0, (8,)))
    bench.apply(cut(1, (), aside_tokens=2))
    bench.apply(Reopen())
    assert bench.lane.reply == [30, 31]
    assert bench.lane.reply_number == 2
    assert bench.trunk == [*QUESTION, 120, 121, 20, 21, 77, 122, *SECOND]


def test_its_cells_can_be_given_up_and_it_still_goes_on() -> None:
    bench, other = Bench(*CUT, cut()), Bench(*CUT, cut())
    assert bench.lane.drop_spare_cells()
    assert not bench.lane.drop_spare_cells()
    check_pasts(bench.lane, bench.cells)
    for each in (bench, other):
        each.apply(Reopen())
    assert tokens_of(bench.lane) == tokens_of(other.lane)
    assert (bench.lane.output.num_cached, other.lane.output.num_cached) == (4, 4)


# It goes on.


@pytest.mark.parametrize("is_finished", [False, True])
@pytest.mark.parametrize("answer", [False, True])
@pytest.mark.parametrize(("keep", "tail"), [(0, ()), (0, (77,)), (2, ()), (2, (77, 78)), (3, ())])
@pytest.mark.parametrize("policy", Promotion)
def test_reopening_the_query_that_cut_it_gives_it_back(
    policy: Promotion, keep: int, tail: tuple[int, ...], answer: bool, is_finished: bool
) -> None:
    bench = Bench(*CUT, *([Finish(EndReason.STOP)] if is_finished else []))
    before, said = tokens_of(bench.lane), list(bench.lane.output.cells)
    trunk = list(bench.lane.trunk.cells)
    bench.do(cut(keep, tail, policy=policy, answer=answer, is_finished=is_finished))
    bench.apply(Reopen())
    lane = bench.lane
    assert tokens_of(lane) == before
    assert lane.phase is (ReplyPhase.FINISHED if is_finished else ReplyPhase.SPEAKING)
    assert (lane.reply_number, lane.num_replies) == (1, 2 if answer else 1)
    assert lane.aside is None
    assert lane.trunk.cells == trunk
    assert lane.output.cells == said[:-1], "the last row is computed once more: it tells what next"


def test_a_reply_that_began_meanwhile_is_gone_and_is_not_counted_twice() -> None:
    bench = Bench(*CUT, cut(), Say((30, 31)))
    bench.do(Reopen(), Say((23,)))
    assert bench.lane.reply == [20, 21, 22, 23]
    bench.do(Promote(Promotion.REBASE, keep=4))
    assert (bench.lane.reply_number, bench.lane.num_replies) == (3, 3)


@pytest.mark.parametrize("after", [(), (Say((30,)), Finish(EndReason.STOP), Conclude(1))])
@pytest.mark.parametrize("heard", [(), (Hear(0, (9,)),)])
def test_it_goes_on_whatever_came_of_the_new_reply_and_of_the_input(
    after: tuple[Step, ...], heard: tuple[Step, ...]
) -> None:
    bench = Bench(*CUT, cut(), *after, *heard)
    bench.apply(Reopen())
    assert bench.trunk == QUESTION
    assert bench.lane.reply == [20, 21, 22]
    assert bench.lane.utterance == [5, 6]


def test_cells_of_the_input_are_right_only_where_nothing_came_before_it() -> None:
    """Behind a kept reply they stand at other positions than where they come back to."""
    kept, dropped = Bench(*CUT, cut()), Bench(*CUT, cut(0, ()))
    cells = dropped.lane.trunk.cells[-len(SECOND) : -1]
    for bench in (kept, dropped):
        bench.apply(Reopen())
    assert kept.lane.input.num_cached == 0
    assert dropped.lane.input.cells == cells


def test_neither_an_adapted_input_nor_the_reply_is_computed_anew() -> None:
    bench = Bench(*CUT, adapts_input=True)
    said, heard = list(bench.lane.output.cells), list(bench.lane.input.cells)
    bench.do(cut())
    bench.apply(Reopen())
    assert bench.lane.input.cells == heard
    assert bench.lane.output.cells == said[:-1]


# More was heard of it.


@pytest.mark.parametrize(
    ("keep", "tail"), [(0, ()), (0, (78,)), (1, ()), (2, (77,)), (2, (78,)), (3, ()), (3, (79, 80))]
)
@pytest.mark.parametrize("first", [cut(), cut(0, ())])
def test_amending_is_as_if_it_had_been_known_at_once(
    first: Promote, keep: int, tail: tuple[int, ...]
) -> None:
    bench, other = Bench(*CUT, first, Say((30,))), Bench(*CUT, cut(keep, tail), Say((30,)))
    bench.apply(Amend(keep, tail))
    assert LaneState.of(bench.lane) == LaneState.of(other.lane)
    compute(bench.lane, bench.cells)
    for each in (bench, other):
        each.apply(Reopen())
    assert tokens_of(bench.lane) == tokens_of(other.lane)
    assert bench.lane.reply == [20, 21, 22]


def test_amending_keeps_the_cells_of_what_stays() -> None:
    bench = Bench(*CUT, cut())
    cells = list(bench.lane.trunk.cells)
    bench.apply(Amend(3))
    assert bench.trunk == [*QUESTION, 120, 121, 20, 21, 22, 122, *SECOND]
    assert bench.lane.trunk.cells == cells[: len(OPENING) + len(QUESTION) + 4]


def test_amending_by_what_is_there_already_changes_nothing_but_cells_behind_it() -> None:
    bench = Bench(*CUT, cut())
    before, cells = LaneState.of(bench.lane), list(bench.lane.trunk.cells)
    bench.apply(Amend(2, (77,)))
    assert LaneState.of(bench.lane) == before
    assert bench.lane.trunk.cells == cells[: -len(SECOND)]


# Turns leave.


def test_a_turn_before_it_may_leave() -> None:
    bench = Bench(*SPEAKING, Conclude(3), *CUT, cut())
    bench.apply(Trim(1))
    assert bench.lane.aside is not None
    bench.do(Amend(3), Reopen())
    assert bench.trunk == QUESTION
    assert bench.lane.reply == [20, 21, 22]
    assert bench.lane.reply_number == 2


@pytest.mark.parametrize("keep", [0, 2])
def test_it_leaves_with_its_question(keep: int) -> None:
    bench = Bench(*SPEAKING, Conclude(3), *CUT, cut(keep, ()))
    bench.apply(Trim(2))
    assert bench.lane.aside is None
    assert bench.trunk == SECOND
    assert Channel.ASIDE not in bench.cells.owners.values()
    bench.apply(Reopen())
    assert bench.trunk == []
    assert (bench.lane.phase, bench.lane.utterance) == (ReplyPhase.NONE, [5, 6])


# Whatever happens.


@given(st.integers(0, 2**32))
def test_every_cell_is_of_what_stands_before_it_whatever_happens(seed: int) -> None:
    """Seen after every step, with forwards that end anywhere and cells that are given up."""
    random = Random(seed)
    bench = Bench(*CUT, cut(), adapts_input=random.random() < 0.3)
    for _ in range(random.randint(1, 25)):
        bench.apply(random.choice(possible_steps(bench.lane, random)))
        if random.random() < 0.7:
            compute(bench.lane, bench.cells, random.choice((10**6, random.randint(1, 12))))
            check_pasts(bench.lane, bench.cells)
        if random.random() < 0.1:
            random.choice((bench.lane.drop_cells, bench.lane.drop_spare_cells))()
            check_pasts(bench.lane, bench.cells)


@given(st.integers(0, 2**32))
def test_a_reply_that_goes_on_is_the_one_that_was_cut(seed: int) -> None:
    """Whatever is heard and said between the query that cut it and its taking back."""
    random, bench = Random(seed), Bench()
    for _ in range(random.randint(0, 12)):
        bench.do(random_step(bench.lane, random, Pause))
    if bench.lane.phase is ReplyPhase.NONE:
        bench.do(Hear(0, (1,)), Promote(Promotion.REBASE))
    bench.do(Hear(0, (5, 6)))
    before, said = LaneState.of(bench.lane), bench.lane.num_reply_tokens
    is_finished = before.phase is ReplyPhase.FINISHED
    keep, policy = random.randint(0, said), random.choice(tuple(Promotion))
    bench.do(cut(keep, policy=policy, aside_tokens=said, is_finished=is_finished))
    for _ in range(random.randint(0, 6)):
        bench.do(random_step(bench.lane, random, Promote, Reopen, Trim))
    bench.do(Reopen())
    now = LaneState.of(bench.lane)
    assert (now.trunk, now.input, now.output) == (before.trunk, before.input, before.output)
    assert (now.phase, now.reply_number) == (before.phase, before.reply_number)
    assert now.turn_starts == before.turn_starts


@given(st.integers(0, 2**32))
def test_it_outlives_a_seat(seed: int) -> None:
    """The lane is taken down and put up elsewhere, without a cell."""
    random, bench = Random(seed), Bench(*CUT, cut())
    for _ in range(random.randint(0, 4)):
        bench.do(random_step(bench.lane, random, Promote, Reopen))
    other = LaneState.of(bench.lane).lane(CHAT)
    assert other.num_aside_tokens == bench.lane.num_aside_tokens
    for lane in (bench.lane, other):
        lane.apply(Reopen())
    assert LaneState.of(other) == LaneState.of(bench.lane)


def random_step(lane: Lane, random: Random, *without: type[Step]) -> Step:
    """One that may come next, but for those of some kinds."""
    return random.choice([s for s in possible_steps(lane, random) if not isinstance(s, without)])
