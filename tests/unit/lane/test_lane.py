"""Every step of a lane: which tokens it moves where, and which cells it may keep."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.kv.channel import Channel
from duologue.lane.lane import Lane
from duologue.lane.phase import ReplyPhase
from duologue.lane.room import num_turn_reply_tokens, turns_over
from duologue.lane.state import LaneState
from duologue.lane.steps import (
    Amend,
    Begin,
    Conclude,
    EndReason,
    Finish,
    Hear,
    Ignore,
    Pause,
    Promote,
    Promotion,
    Reopen,
    Resume,
    Say,
    Step,
    Trim,
)
from tests.unit.lane.fake_cells import CHAT, OPENING, STATED, FakeCells, check_pasts, compute

QUESTION = [110, 111, 1, 2, 112]  # a user's turn of the tokens 1 and 2


class Bench:
    """A lane whose tokens all have cells, so that what a step gives up can be seen."""

    def __init__(self, *steps: Step, adapts_input: bool = False) -> None:
        self.lane = Lane(CHAT, OPENING)
        self.cells = FakeCells(adapts_input)
        self.lane.cells = self.cells
        self.do(*steps)

    def do(self, *steps: Step) -> None:
        for step in steps:
            self.lane.apply(step)
            check_pasts(self.lane, self.cells)
            compute(self.lane, self.cells)

    def apply(self, step: Step) -> None:
        """A step after which nothing is computed."""
        self.lane.apply(step)
        check_pasts(self.lane, self.cells)

    @property
    def trunk(self) -> list[int]:
        """Without the opening."""
        assert tuple(self.lane.trunk.tokens[: len(OPENING)]) == OPENING
        return self.lane.trunk.tokens[len(OPENING) :]

    def num_cached(self) -> tuple[int, int, int]:
        return (
            self.lane.trunk.num_cached,
            self.lane.input.num_cached,
            self.lane.output.num_cached,
        )


ASKED = (Hear(0, (1, 2)), Promote(Promotion.BRANCH))
SPEAKING = (*ASKED, Say((20, 21, 22)))


def test_new_lane_is_its_opening() -> None:
    lane = Lane(CHAT, OPENING)
    assert lane.trunk.tokens == list(OPENING)
    assert (lane.phase, lane.num_turns, lane.num_replies) == (ReplyPhase.NONE, 0, 0)
    assert not lane.is_listening
    assert not lane.can_reopen


def test_hear_starts_the_input_with_its_header() -> None:
    bench = Bench(Hear(0, (1, 2)))
    assert bench.lane.input.tokens == [110, 111, 1, 2]
    assert bench.lane.utterance == [1, 2]
    assert bench.lane.first_position(Channel.INPUT) == len(OPENING)


def test_hear_keeps_the_cells_of_what_stays() -> None:
    bench = Bench(Hear(0, (1, 2, 3)))
    before = list(bench.lane.input.cells)
    bench.apply(Hear(1, (4,)))
    assert bench.lane.utterance == [1, 4]
    assert bench.lane.input.cells == before[:3]


def test_hear_nothing_takes_the_header_back() -> None:
    bench = Bench(Hear(0, (1, 2)), Hear(0, ()))
    assert not bench.lane.is_listening
    assert set(bench.cells.owners.values()) == {Channel.TRUNK}


def test_ignore_leaves_no_trace() -> None:
    bench, other = Bench(*SPEAKING, Hear(0, (5,)), Ignore()), Bench(*SPEAKING)
    assert bench.lane.output.tokens == other.lane.output.tokens
    assert bench.trunk == other.trunk
    assert not bench.lane.is_listening
    assert Channel.INPUT not in bench.cells.owners.values()


def test_promote_relabels_the_input_and_starts_a_reply() -> None:
    bench = Bench(Hear(0, (1, 2)))
    cells = list(bench.lane.input.cells)
    bench.apply(Promote(Promotion.BRANCH))
    assert bench.trunk == QUESTION
    assert bench.lane.trunk.cells[len(OPENING) :] == cells  # all but the user's end
    assert bench.lane.output.tokens == [120, 121]
    assert bench.lane.is_speaking
    assert (bench.lane.num_turns, bench.lane.num_replies) == (1, 1)


def test_a_reply_that_nobody_asked_for_is_a_turn_of_its_own() -> None:
    bench = Bench(Begin(is_turn=True))
    assert bench.lane.output.tokens == [120, 121]
    assert bench.lane.is_speaking
    bench.do(Conclude(0, (7, 8)))
    assert bench.trunk == [120, 121, 7, 8, 122]
    assert (bench.lane.num_turns, bench.lane.num_replies) == (1, 1)
    bench.do(Hear(0, (1, 2)), Promote(Promotion.REBASE), Trim(1))
    assert bench.trunk == QUESTION


def test_a_further_reply_to_the_last_turn_leaves_with_it() -> None:
    bench = Bench(*ASKED, Conclude(0, (7,)), Begin(is_turn=False), Conclude(0, (8,)))
    assert bench.trunk == [*QUESTION, 120, 121, 7, 122, 120, 121, 8, 122]
    assert num_turn_reply_tokens(bench.lane) == 9
    bench.do(Reopen())
    assert bench.trunk == []
    assert bench.lane.utterance == [1, 2]


def test_an_utterance_goes_on_when_a_reply_begins_unasked() -> None:
    bench = Bench(Hear(0, (1, 2)))
    before = list(bench.lane.input.cells)
    bench.apply(Begin(is_turn=True))
    assert bench.lane.input.cells == before


def test_promote_without_an_answer_only_ends_the_turn() -> None:
    bench = Bench(Hear(0, (1, 2)), Promote(Promotion.BRANCH, answer=False))
    assert bench.trunk == QUESTION
    assert bench.lane.phase is ReplyPhase.NONE
    assert bench.lane.num_replies == 0
    assert not bench.lane.was_answered


@pytest.mark.parametrize("policy", Promotion)
@pytest.mark.parametrize("before", [(), SPEAKING])
def test_adapted_input_is_computed_anew_as_trunk(
    policy: Promotion, before: tuple[Step, ...]
) -> None:
    bench = Bench(*before, Hear(0, (5, 6)), adapts_input=True)
    num_cached, _, _ = bench.num_cached()
    bench.apply(Promote(policy))
    assert bench.lane.trunk.tokens[num_cached:] == [110, 111, 5, 6, 112]
    assert bench.num_cached() == (num_cached, 0, 0)


def test_adapted_input_is_computed_anew_in_the_trunk() -> None:
    bench = Bench(Hear(0, (5, 6)), adapts_input=True)
    bench.apply(Promote(Promotion.REBASE))
    assert bench.trunk == [110, 111, 5, 6, 112]
    assert bench.num_cached() == (len(OPENING), 0, 0)


def test_a_reply_joins_the_trunk_with_its_cells_also_when_the_input_is_adapted() -> None:
    bench = Bench(*SPEAKING, adapts_input=True)
    cells = list(bench.lane.output.cells)
    bench.apply(Conclude(3))
    assert bench.lane.trunk.cells[-len(cells) :] == cells


@pytest.mark.parametrize("ending", [(), (Finish(EndReason.STOP),)])
def test_branch_drops_the_reply_and_copies_nothing(ending: tuple[Step, ...]) -> None:
    bench = Bench(*SPEAKING, *ending, Hear(0, (5,)))
    cells = list(bench.lane.input.cells)
    bench.apply(Promote(Promotion.BRANCH, keep=2, tail=(77,)))
    assert bench.trunk == [*QUESTION, 110, 111, 5, 112]
    assert bench.lane.trunk.cells[-len(cells) :] == cells
    assert bench.lane.trunk.num_uncached == 1


def test_rebase_keeps_what_was_heard_and_computes_the_query_anew() -> None:
    bench = Bench(*SPEAKING, Hear(0, (5,)))
    kept = bench.lane.output.cells[:4]
    bench.apply(Promote(Promotion.REBASE, keep=2, tail=(77,)))
    assert bench.trunk == [*QUESTION, 120, 121, 20, 21, 77, 122, 110, 111, 5, 112]
    assert bench.lane.trunk.cells[-4:] == kept
    assert bench.lane.trunk.num_uncached == 6


def test_rebase_of_a_reply_that_nobody_heard_is_a_branch() -> None:
    bench, other = Bench(*SPEAKING, Hear(0, (5,))), Bench(*SPEAKING, Hear(0, (5,)))
    bench.apply(Promote(Promotion.REBASE, keep=0))
    other.apply(Promote(Promotion.BRANCH))
    assert bench.trunk == other.trunk
    assert bench.num_cached() == other.num_cached()


def test_conclude_moves_the_whole_reply_to_the_trunk() -> None:
    bench = Bench(*SPEAKING, Finish(EndReason.STOP))
    cells = list(bench.lane.output.cells)
    bench.apply(Conclude(3))
    assert bench.trunk == [*QUESTION, 120, 121, 20, 21, 22, 122]
    assert bench.lane.trunk.cells[-5:] == cells
    assert bench.lane.phase is ReplyPhase.NONE


def test_conclude_makes_the_input_follow_another_trunk() -> None:
    bench = Bench(*SPEAKING, Hear(0, (5,)))
    bench.apply(Conclude(1))
    assert bench.lane.utterance == [5]
    assert bench.lane.input.num_cached == 0
    assert bench.lane.first_position(Channel.INPUT) == len(bench.lane.trunk)


def test_conclude_with_nothing_heard_leaves_the_input_alone() -> None:
    bench = Bench(*SPEAKING, Hear(0, (5,)))
    bench.apply(Conclude(0))
    assert bench.trunk == QUESTION
    assert bench.lane.input.is_cached


def test_cells_join_only_a_trunk_that_has_all_of_its_own() -> None:
    bench = Bench(*SPEAKING)
    bench.cells.free(bench.lane.trunk.uncache(5))
    bench.apply(Conclude(3))
    assert bench.lane.trunk.num_cached == 5
    assert len(bench.lane.trunk) == len(OPENING) + len(QUESTION) + 6


def test_finished_reply_stays_where_it_is() -> None:
    bench = Bench(*SPEAKING, Finish(EndReason.LENGTH))
    assert bench.lane.phase is ReplyPhase.FINISHED
    assert bench.lane.reply == [20, 21, 22]


@pytest.mark.parametrize("is_answered", [True, False])
def test_reopen_takes_the_utterance_back_with_its_cells(is_answered: bool) -> None:
    bench = Bench(Hear(0, (1, 2)))
    cells = list(bench.lane.input.cells)
    bench.do(Promote(Promotion.BRANCH, answer=is_answered))
    bench.apply(Reopen())
    assert bench.trunk == []
    assert bench.lane.utterance == [1, 2]
    assert bench.lane.input.cells == cells
    assert bench.lane.phase is ReplyPhase.NONE
    assert not bench.lane.can_reopen
    assert bench.lane.num_turns == 0


def test_reopen_drops_the_reply_also_when_it_was_concluded() -> None:
    bench = Bench(*SPEAKING, Finish(EndReason.STOP), Conclude(3))
    bench.apply(Reopen())
    assert bench.trunk == []
    assert bench.lane.utterance == [1, 2]


def test_reopen_keeps_a_reply_that_the_utterance_had_cut() -> None:
    bench = Bench(*SPEAKING, Hear(0, (5,)), Promote(Promotion.REBASE, keep=2))
    bench.apply(Reopen())
    assert bench.trunk == [*QUESTION, 120, 121, 20, 21, 122]
    assert bench.lane.utterance == [5]


def test_reopen_replaces_what_is_in_the_input() -> None:
    """Which the next edit then hears behind the utterance that came back."""
    bench = Bench(*SPEAKING, Hear(0, (5,)))
    bench.apply(Reopen())
    assert bench.trunk == []
    assert bench.lane.utterance == [1, 2]
    assert bench.lane.input.is_cached


def test_trim_moves_what_remains_and_gives_up_its_cells() -> None:
    bench = Bench(*SPEAKING, Conclude(3), *SPEAKING, Conclude(2), *SPEAKING, Hear(0, (5,)))
    bench.apply(Trim(2))
    assert bench.trunk == QUESTION
    assert bench.lane.num_turns == 1
    assert bench.num_cached() == (len(OPENING), 0, 0)
    assert bench.lane.reply == [20, 21, 22]
    assert bench.lane.utterance == [5]


def test_turns_over_counts_whole_turns_and_spares_the_last() -> None:
    bench = Bench(*SPEAKING, Conclude(3), *SPEAKING, Conclude(2), *ASKED)
    turns = [len(QUESTION) + 6, len(QUESTION) + 5]
    total = bench.lane.num_tokens
    assert total == len(OPENING) + sum(turns) + len(QUESTION) + 2
    assert turns_over(bench.lane, total) == 0
    assert turns_over(bench.lane, total - 1) == 1
    assert turns_over(bench.lane, total - turns[0]) == 1
    assert turns_over(bench.lane, total - turns[0] - 1) == 2
    assert turns_over(bench.lane, 0) == 2
    assert turns_over(Bench(*SPEAKING).lane, 0) == 0


def test_pause_and_resume_interleave_in_one_sequence() -> None:
    bench = Bench(*SPEAKING, Pause(), Hear(0, (5, 6)))
    assert bench.lane.phase is ReplyPhase.PAUSED
    bench.do(Resume())
    reply = [120, 121, 20, 21, 22, 122]
    assert bench.trunk == [*QUESTION, *reply, 110, 111, 5, 6, 112]
    assert bench.lane.output.tokens == [120, 121]
    assert (bench.lane.num_reply_tokens, bench.lane.num_utterance_tokens) == (3, 2)
    bench.do(Say((23,)), Pause(), Hear(2, (7,)))
    assert bench.lane.utterance == [7]
    bench.do(Resume(is_decided=True))
    assert (bench.lane.num_reply_tokens, bench.lane.num_utterance_tokens) == (4, 0)
    assert bench.lane.num_replies == 1


def test_resume_without_an_utterance_adds_no_turn() -> None:
    bench = Bench(*SPEAKING, Pause())
    bench.do(Resume())
    assert bench.trunk == [*QUESTION, 120, 121, 20, 21, 22, 122]
    assert bench.lane.num_turns == 1


def test_what_was_interleaved_cannot_be_taken_back() -> None:
    bench = Bench(*SPEAKING, Pause(), Hear(0, (5,)), Resume(), Say((23, 24)))
    before = list(bench.trunk)
    bench.apply(Conclude(1, (77,)))
    assert bench.trunk == before
    other = Bench(*SPEAKING, Pause(), Hear(0, (5,)), Resume(), Say((23, 24)))
    other.apply(Conclude(4))
    assert other.trunk == [*before, 120, 121, 23, 122]


def test_query_after_a_pause_starts_a_new_reply() -> None:
    bench = Bench(*SPEAKING, Pause(), Hear(0, (5,)), Promote(Promotion.REBASE))
    assert bench.lane.num_replies == 2
    assert (bench.lane.num_reply_tokens, bench.lane.num_utterance_tokens) == (0, 0)


@pytest.mark.parametrize(
    ("steps", "wrong"),
    [
        ((), Say((1,))),
        ((), Finish(EndReason.STOP)),
        ((), Promote(Promotion.BRANCH)),
        ((), Conclude(0)),
        ((), Reopen()),
        ((), Pause()),
        (SPEAKING, Conclude(4)),
        (SPEAKING, Resume()),
        (SPEAKING, Trim(1)),
        ((*SPEAKING, Finish(EndReason.STOP)), Say((1,))),
        ((Hear(0, (1, 2)),), Hear(3, ())),
        ((*SPEAKING, Reopen()), Reopen()),
        (SPEAKING, Amend(0)),
        (SPEAKING, Begin(is_turn=True)),
        ((Begin(is_turn=True), Conclude(0, (7,))), Reopen()),
        ((*SPEAKING, Hear(0, (5,)), Promote(Promotion.REBASE, aside_tokens=2)), Amend(3)),
        ((*SPEAKING, Hear(0, (5,))), Promote(Promotion.REBASE, aside_tokens=4)),
        ((*SPEAKING, Hear(0, (5,))), Promote(Promotion.REBASE, keep=2, aside_tokens=1)),
    ],
)
def test_step_that_makes_no_sense_is_a_mistake(steps: tuple[Step, ...], wrong: Step) -> None:
    with pytest.raises(AssertionError):
        Bench(*steps).lane.apply(wrong)


def test_end_of_the_users_turn_serves_as_reply_header_where_there_is_none() -> None:
    chat = replace(CHAT, reply_header=(), user_end=(112, 113))
    lane = Lane.replay(chat, OPENING, ASKED)
    assert lane.trunk.tokens == [*OPENING, *QUESTION]
    assert lane.output.tokens == [113]


def test_dropped_cells_leave_the_tokens() -> None:
    bench = Bench(*SPEAKING, Hear(0, (5,)))
    tokens = [list(bench.lane.channel(owner).tokens) for owner in STATED]
    bench.lane.drop_cells()
    check_pasts(bench.lane, bench.cells)
    assert not bench.cells.owners
    assert [bench.lane.channel(owner).tokens for owner in STATED] == tokens


@given(st.integers(0, 2**32))
def test_replay_leads_to_the_same_lane_whatever_was_computed(seed: int) -> None:
    """With cells that come and go at random, no step may find one where none belongs."""
    random = Random(seed)
    bench = Bench(adapts_input=random.random() < 0.3)
    steps: list[Step] = []
    for _ in range(random.randint(1, 30)):
        steps.append(random.choice(possible_steps(bench.lane, random)))
        bench.apply(steps[-1])
        if random.random() < 0.6:
            compute(bench.lane, bench.cells, random.choice((10**6, random.randint(1, 12))))
            check_pasts(bench.lane, bench.cells)
        if random.random() < 0.2:
            random.choice((bench.lane.drop_cells, bench.lane.drop_spare_cells))()
            check_pasts(bench.lane, bench.cells)
    replayed = Lane.replay(CHAT, OPENING, steps)
    for owner in STATED:
        assert replayed.channel(owner).tokens == bench.lane.channel(owner).tokens
    assert all(replayed.channel(owner).num_cached == 0 for owner in Channel)
    assert LaneState.of(replayed) == LaneState.of(bench.lane)


def possible_steps(lane: Lane, random: Random) -> list[Step]:
    """What may come next, with random numbers in it."""
    spoken = tuple(random.randrange(20, 90) for _ in range(random.randint(0, 4)))
    keep = random.randint(0, lane.num_reply_tokens)
    found: list[Step] = []
    if lane.phase is not ReplyPhase.PAUSED:
        found.append(Hear(random.randint(0, lane.num_utterance_tokens), spoken))
    if lane.is_listening:
        found += [Ignore(), Promote(random.choice(tuple(Promotion)), keep, spoken)]
        if lane.phase in (ReplyPhase.SPEAKING, ReplyPhase.FINISHED) and not lane.num_reply_in_trunk:
            found += [_promote_aside(lane, keep, spoken, random)] * 2
    if lane.is_speaking:
        found += [Say(spoken), Finish(EndReason.STOP)]
    if lane.is_speaking and lane.aside is None:  # time division sets no reply aside
        found.append(Pause())
    if lane.aside is not None:
        found.append(Amend(random.randint(0, lane.num_aside_tokens), spoken))
    if lane.phase is ReplyPhase.NONE:
        found.append(Begin(is_turn=not lane.can_reopen))
    if lane.phase is ReplyPhase.PAUSED:
        found += [Resume(), Resume(is_decided=True)]
    elif lane.phase is not ReplyPhase.NONE:
        found.append(Conclude(keep, spoken))
    if lane.can_reopen and lane.phase is not ReplyPhase.PAUSED:
        found.append(Reopen())
    if lane.num_turns > 1:
        found.append(Trim(random.randint(1, lane.num_turns - 1)))
    return found


def _promote_aside(lane: Lane, keep: int, spoken: tuple[int, ...], random: Random) -> Promote:
    return Promote(
        random.choice(tuple(Promotion)),
        keep,
        spoken,
        answer=random.random() < 0.7,
        aside_tokens=random.randint(keep, lane.num_reply_tokens),
        aside_is_finished=lane.phase is ReplyPhase.FINISHED,
    )
