"""DUO slices: which forwards they ask for, and which steps they take."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from duologue.errors import InvalidInput
from duologue.lane.judging import JudgingPatience
from duologue.lane.lane import Lane
from duologue.lane.phase import ReplyPhase
from duologue.lane.slices import Heard, Slice
from duologue.lane.steps import (
    Conclude,
    EndReason,
    Finish,
    Hear,
    Ignore,
    Promote,
    Promotion,
    Reopen,
    Say,
    Trim,
)
from duologue.states import State
from duologue.strategies.base import Demand, SliceRun
from duologue.strategies.duo import DuoStrategy
from duologue.strategies.moves import BEGINNING_TOKENS, RESERVE_TOKENS
from duologue.text.token_edit import TokenEdit
from tests.unit.lane.fake_cells import CHAT, OPENING
from tests.unit.strategies.fake_engine import (
    AHEAD,
    PROFILE,
    STOP,
    UNSURE,
    FakeEngine,
    kinds,
    sure,
)

QUERY, NON_QUERY, HOLD = sure(State.QUERY), sure(State.NON_QUERY), sure(State.HOLD)
LEANING = sure(State.QUERY, 0.4)
"""Clear only to those whose patience is low."""


def listening() -> FakeEngine:
    return FakeEngine(DuoStrategy(), replies=list(range(20, 60)))


def speaking(*, num_said: int = 3) -> FakeEngine:
    """A reply has begun and goes on: 20, 21, 22, ..."""
    engine = listening()
    engine.states = [QUERY]
    engine.slice([1, 2], reply_tokens=num_said + 1)
    assert engine.lane.reply == list(range(20, 20 + num_said))
    return engine


def said(run: SliceRun) -> list[int]:
    return [token for step in run.steps if isinstance(step, Say) for token in step.tokens]


@pytest.mark.parametrize("look_ahead", [0, 1, 4])
def test_undecided_utterance_takes_a_forward_and_one_per_look_ahead_token(look_ahead: int) -> None:
    engine = listening()
    engine.states = [UNSURE] * (1 + look_ahead)
    run = engine.slice([1, 2, 3], look_ahead_tokens=look_ahead)
    assert engine.num_forwards == 1 + look_ahead
    assert run.judgement is not None
    assert run.judgement.state is State.INCOMPLETE
    assert kinds(run) == [Hear]
    assert engine.lane.utterance == [1, 2, 3]  # the look-ahead is gone again


@pytest.mark.parametrize("look_ahead", [0, 2, 4])
@pytest.mark.parametrize("reply_tokens", [1, 3, 6])
def test_listening_while_speaking_takes_the_larger_number_of_forwards(
    look_ahead: int, reply_tokens: int
) -> None:
    engine = speaking()
    engine.states = [UNSURE] * (1 + look_ahead)
    run = engine.slice([5], look_ahead_tokens=look_ahead, reply_tokens=reply_tokens)
    assert engine.num_forwards == max(reply_tokens, 1 + look_ahead)
    assert len(said(run)) == reply_tokens


@pytest.mark.parametrize("reply_tokens", [1, 2, 4, 6])
@pytest.mark.parametrize("forward", [1, 2, 4])
def test_reply_starts_in_the_forward_after_the_decision(forward: int, reply_tokens: int) -> None:
    engine = listening()
    engine.states = [UNSURE] * (forward - 1) + [QUERY]
    run = engine.slice([1, 2], reply_tokens=reply_tokens, look_ahead_tokens=4)
    assert engine.num_forwards == max(reply_tokens, forward + 1)
    assert len(said(run)) == max(reply_tokens - forward, 1)
    assert run.judgement is not None
    assert run.judgement.look_ahead_tokens == forward - 1
    assert AHEAD not in engine.lane.trunk.tokens


@pytest.mark.parametrize("reply_tokens", [1, 2, 6])
@pytest.mark.parametrize("num_silent", [0, 1, 2])
@pytest.mark.parametrize("forward", [1, 3])
def test_a_slice_may_return_as_soon_as_its_reply_has_text(
    forward: int, num_silent: int, reply_tokens: int
) -> None:
    engine = speaking()
    engine.shows = lambda tokens: len(tokens) > num_silent
    engine.states = [UNSURE] * (forward - 1) + [QUERY]
    wishes = {"reply_tokens": reply_tokens, "look_ahead_tokens": 4, "sets_aside": True}
    run = engine.slice([5], returns_early=True, **wishes)
    assert engine.num_forwards == forward + 1 + num_silent
    assert len(engine.lane.reply) == 1 + num_silent
    assert run.lane.is_speaking


def test_what_never_shows_is_cut_short_too() -> None:
    engine = listening()
    engine.shows = lambda tokens: False
    engine.states = [QUERY]
    engine.slice([1, 2], returns_early=True, reply_tokens=9)
    assert len(engine.lane.reply) == BEGINNING_TOKENS


def test_no_reply_begins_in_a_slice_without_reply_tokens() -> None:
    engine = listening()
    engine.states = [QUERY]
    run = engine.slice([1, 2], returns_early=True, reply_tokens=0)
    assert said(run) == []


def test_a_reply_that_was_there_before_goes_on_in_a_slice_that_returns_early() -> None:
    engine = speaking()
    engine.states = [NON_QUERY]
    run = engine.slice([5], returns_early=True, reply_tokens=4)
    assert len(said(run)) == 4


def test_early_decision_without_a_reply_saves_forwards() -> None:
    engine = listening()
    engine.states = [UNSURE, NON_QUERY]
    run = engine.slice([1, 2], look_ahead_tokens=4, reply_tokens=4)
    assert engine.num_forwards == 2
    assert kinds(run) == [Hear, Ignore]


def test_input_and_output_ride_in_the_same_forwards() -> None:
    engine = speaking()
    engine.states = [UNSURE] * 3
    engine.slice([5], look_ahead_tokens=2, reply_tokens=4)
    assert engine.demands == [
        Demand(listen=True, look_ahead=True, speak=True),
        Demand(listen=True, look_ahead=True, speak=True),
        Demand(listen=True, look_ahead=False, speak=True),
        Demand(speak=True),
    ]


@pytest.mark.parametrize("rows_per_forward", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("ahead", [0, 1])
def test_reply_tokens_of_a_slice_do_not_depend_on_how_prefill_is_split(
    rows_per_forward: int, ahead: int
) -> None:
    engine = listening()
    engine.rows_per_forward = (rows_per_forward,)
    engine.states = [UNSURE] * ahead + [QUERY]
    run = engine.slice([1, 2, 3, 4], reply_tokens=4, look_ahead_tokens=1)
    assert len(said(run)) == 3 - ahead


def test_non_query_leaves_the_reply_as_it_is() -> None:
    engine = speaking()
    cells = list(engine.lane.output.cells)
    engine.states = [NON_QUERY]
    run = engine.slice([5, 6], reply_tokens=2)
    assert kinds(run) == [Hear, Say, Ignore, Say]
    assert engine.lane.output.cells[: len(cells)] == cells
    assert engine.lane.reply == [20, 21, 22, 23, 24]
    assert not engine.lane.is_listening


def test_hold_ends_the_reply_and_starts_none() -> None:
    engine = speaking()
    engine.states = [HOLD]
    run = engine.slice([5], reply_tokens=4)
    assert run.steps[-1] == Promote(Promotion.REBASE, keep=3, answer=False)
    assert engine.num_forwards == 1
    assert engine.lane.phase is ReplyPhase.NONE
    assert engine.lane.num_turns == 2


@pytest.mark.parametrize("policy", Promotion)
def test_query_cuts_the_reply_at_what_was_said_before_the_slice(policy: Promotion) -> None:
    engine = speaking()
    engine.profile = replace(PROFILE, promotion=policy)
    engine.states = [QUERY]
    run = engine.slice([5], reply_tokens=4)
    assert Promote(policy, keep=3) in run.steps
    is_kept = policy is Promotion.REBASE
    kept = [120, 121, 20, 21, 22, 122] if is_kept else []
    first_turn = [100, 1, 101, 110, 111, 1, 2, 112]
    assert engine.lane.trunk.tokens == [*first_turn, *kept, 110, 111, 5, 112]
    assert engine.lane.reply == [24, 25, 26]  # 23 was said in this slice and never heard


def test_query_cuts_the_reply_where_the_user_heard_it() -> None:
    engine = speaking()
    engine.states = [QUERY]
    run = engine.slice([5], heard=Heard(1, (77, 78)))
    assert Promote(Promotion.REBASE, keep=1, tail=(77, 78)) in run.steps
    assert engine.lane.trunk.tokens[8:14] == [120, 121, 20, 77, 78, 122]


def test_cancelled_reply_ends_at_what_was_heard() -> None:
    engine = speaking()
    run = engine.slice(conclude=EndReason.CANCELLED, heard=Heard(2))
    assert run.steps == [Conclude(2)]
    assert engine.num_forwards == 0
    assert engine.lane.phase is ReplyPhase.NONE
    assert engine.lane.trunk.tokens[8:] == [120, 121, 20, 21, 122]


def test_nothing_to_conclude_is_no_error() -> None:
    assert listening().slice(conclude=EndReason.CANCELLED, heard=Heard(2)).steps == []


def test_stop_token_ends_the_reply_and_is_not_said() -> None:
    engine = speaking()
    engine.replies = [40, STOP]
    run = engine.slice(reply_tokens=4)
    assert run.steps == [Say((40,)), Finish(EndReason.STOP), Conclude(4)]
    assert engine.num_forwards == 2


def test_longest_reply_ends_by_its_length() -> None:
    engine = speaking()
    engine.profile = replace(PROFILE, max_reply_tokens=5)
    run = engine.slice(reply_tokens=4)
    assert kinds(run) == [Say, Say, Finish, Conclude]
    assert Finish(EndReason.LENGTH) in run.steps


def test_finished_reply_is_held_until_it_is_concluded() -> None:
    engine = speaking()
    engine.replies = [STOP]
    engine.slice(holds_reply=True)
    assert engine.lane.phase is ReplyPhase.FINISHED
    engine.states = [NON_QUERY]
    engine.slice([5], holds_reply=True)
    assert engine.lane.reply == [20, 21, 22]
    assert engine.slice(holds_reply=False).steps == [Conclude(3)]


def test_query_cuts_a_reply_that_is_held() -> None:
    engine = speaking()
    engine.replies = [STOP, 50, 51, 52]
    engine.slice(holds_reply=True)
    engine.states = [QUERY]
    engine.slice([5], holds_reply=True, heard=Heard(1))
    assert engine.lane.trunk.tokens[8:] == [120, 121, 20, 122, 110, 111, 5, 112]
    assert engine.lane.reply == [50, 51, 52]


def test_silence_is_judged_from_evidence_without_a_forward() -> None:
    engine = listening()
    engine.states = [UNSURE, LEANING]
    engine.slice([1, 2], look_ahead_tokens=1)
    again = engine.slice(look_ahead_tokens=1)
    assert (engine.num_forwards, again.judgement) == (0, None)
    run = engine.slice(look_ahead_tokens=1, patience=JudgingPatience.LOW)
    assert run.judgement is not None
    assert run.judgement.state is State.QUERY
    assert (run.judgement.probabilities, run.judgement.look_ahead_tokens) == (LEANING, 1)


@pytest.mark.parametrize("patience", [JudgingPatience.LOW, JudgingPatience.OUT])
@pytest.mark.parametrize(
    "seen",
    [
        [LEANING, UNSURE, UNSURE],
        [UNSURE, LEANING, UNSURE],
        [UNSURE, UNSURE, LEANING],
        [UNSURE, UNSURE, UNSURE],
        [sure(State.NON_QUERY, 0.2), sure(State.QUERY, 0.45), sure(State.NON_QUERY, 0.4)],
    ],
)
def test_evidence_gives_what_reading_again_would(
    patience: JudgingPatience, seen: list[dict[State, float]]
) -> None:
    """Whether a session still has its cells must not show in the conversation."""
    runs = []
    for is_rested in (False, True):
        engine = listening()
        engine.states = list(seen)
        engine.slice([1, 2], look_ahead_tokens=2)
        if is_rested:
            engine.lane.drop_cells()
            engine.evidence.clear()
            engine.states = list(seen)
        runs.append(engine.slice(look_ahead_tokens=2, patience=patience, reply_tokens=4))
    assert runs[0].steps == runs[1].steps
    assert runs[0].judgement == runs[1].judgement


def test_undecided_judgement_shows_what_was_read_after_the_last_real_token() -> None:
    engine = listening()
    engine.states = [LEANING, UNSURE]
    run = engine.slice([1, 2], look_ahead_tokens=1)
    assert run.judgement is not None
    assert run.judgement.probabilities == LEANING


@pytest.mark.parametrize("rows_per_forward", [(1,), (4,), (5, 1), (5, 5, 1, 1)])
def test_evidence_outlives_speech_that_overtakes_it(rows_per_forward: Sequence[int]) -> None:
    """With few rows to a forward, the reply goes on while the input still waits."""
    engine = speaking()
    engine.rows_per_forward = rows_per_forward
    seen = [LEANING, UNSURE, sure(State.INCOMPLETE, 0.8)]
    engine.states = list(seen)
    engine.slice([5, 6], look_ahead_tokens=2, reply_tokens=12)
    assert engine.evidence == seen


def test_evidence_is_void_when_the_trunk_changes() -> None:
    engine = speaking()
    engine.states = [UNSURE, LEANING]
    engine.slice([5], look_ahead_tokens=0, reply_tokens=1)
    engine.slice(conclude=EndReason.CANCELLED, heard=Heard(0, (77,)), look_ahead_tokens=0)
    assert engine.num_forwards == 1
    assert engine.evidence == [LEANING]


def test_slice_that_is_cut_short_leaves_no_half_of_the_evidence() -> None:
    engine = listening()
    engine.states = [UNSURE, UNSURE]
    run = SliceRun(engine.lane, PROFILE, _asking_to_hear([1, 2]), engine.evidence)
    slicing = DuoStrategy().run(run)
    engine.demands.append(next(slicing))
    slicing.send(engine.forward(engine.demands[-1]))
    assert engine.lane.utterance == [1, 2, AHEAD]
    assert engine.evidence == [UNSURE]
    slicing.close()
    assert engine.lane.utterance == [1, 2]
    assert engine.evidence == []


def test_shortened_utterance_is_read_again_at_its_new_end() -> None:
    engine = listening()
    engine.states = [UNSURE, NON_QUERY]
    engine.slice([1, 2, 3], look_ahead_tokens=0)
    run = engine.slice([], keep=2, look_ahead_tokens=0)
    assert engine.num_forwards == 1
    assert kinds(run) == [Hear, Ignore]


def test_utterance_revised_to_nothing_needs_no_forward() -> None:
    engine = listening()
    engine.states = [UNSURE]
    engine.slice([1, 2, 3], look_ahead_tokens=0)
    run = engine.slice([], keep=0)
    assert (engine.num_forwards, run.judgement) == (0, None)
    assert not engine.lane.is_listening


@pytest.mark.parametrize("keep", [1, 5])
def test_edit_that_does_not_fit_the_utterance_is_refused(keep: int) -> None:
    engine = listening()
    with pytest.raises(InvalidInput, match="keep"):
        engine.slice([1, 2], keep=keep)


@pytest.mark.parametrize("wishes", [{"conclude": EndReason.CANCELLED}, {"text": [5]}])
def test_hearing_more_than_was_said_is_refused(wishes: dict[str, object]) -> None:
    engine = speaking()
    engine.states = [QUERY]
    with pytest.raises(InvalidInput, match="heard"):
        engine.slice(heard=Heard(4), **wishes)  # type: ignore[arg-type]


def test_reopened_utterance_goes_on_and_its_reply_is_gone() -> None:
    engine = speaking()
    engine.states = [QUERY]
    run = engine.slice([3], keep=2, reopens=True, reply_tokens=2)
    assert kinds(run) == [Reopen, Hear, Promote, Say]
    assert engine.lane.trunk.tokens == [*OPENING, 110, 111, 1, 2, 3, 112]
    assert engine.num_forwards == 2


def test_reopened_utterance_is_read_again() -> None:
    engine = speaking()
    engine.states = [UNSURE]
    run = engine.slice(reopens=True, look_ahead_tokens=0)
    assert run.steps == [Reopen()]
    assert engine.num_forwards == 1
    assert engine.lane.utterance == [1, 2]


def test_nothing_to_reopen_is_refused() -> None:
    with pytest.raises(InvalidInput, match="reopen"):
        listening().slice([1], reopens=True)


def test_utterance_that_can_never_fit_is_refused_and_not_heard() -> None:
    engine = listening()
    engine.profile = replace(PROFILE, context_limit_tokens=100)
    with pytest.raises(InvalidInput, match="40 tokens"):
        engine.slice(list(range(1, 41)))
    assert not engine.lane.is_listening


def test_oldest_turns_leave_when_the_context_is_full() -> None:
    engine = listening()
    engine.profile = replace(PROFILE, context_limit_tokens=160)
    trims: list[Trim] = []
    for _ in range(12):
        engine.replies = [30, 31, 32, 33, 34, STOP]
        engine.states = [QUERY]
        run = engine.slice([1, 2, 3, 4], reply_tokens=9)
        trims += [step for step in run.steps if isinstance(step, Trim)]
        assert engine.lane.num_tokens <= 160
    assert len(trims) >= 2
    assert engine.lane.trunk.tokens[:3] == [100, 1, 101]


@pytest.mark.parametrize("rows_per_forward", [1, 3, 100])
def test_reply_that_fills_the_context_ends_at_the_same_token_however_it_is_computed(
    rows_per_forward: int,
) -> None:
    engine = speaking()
    engine.rows_per_forward = (rows_per_forward,)
    engine.profile = replace(PROFILE, context_limit_tokens=120)
    engine.replies = list(range(20, 98)) * 2
    engine.states = [UNSURE, UNSURE, UNSURE, NON_QUERY]
    engine.slice(list(range(1, 20)), look_ahead_tokens=4, reply_tokens=150)
    assert engine.lane.phase is ReplyPhase.NONE  # it ended in this slice and was concluded
    num_left = 120 - len(engine.lane.trunk)
    assert num_left == RESERVE_TOKENS // 2 - len(CHAT.reply_end)


def _asking_to_hear(tokens: list[int]) -> Slice:
    return Slice("session", 1, 0, edit=TokenEdit(0, tuple(tokens)), look_ahead_tokens=2)


def test_chat_format_without_a_reply_header_still_gets_a_reply() -> None:
    """So do templates in which the end of the user's turn is all that asks for a reply."""
    engine = listening()
    engine.lane = Lane(replace(CHAT, reply_header=(), user_end=(112, 113)), OPENING)
    engine.lane.cells = engine.cells
    engine.states = [QUERY]
    run = engine.slice([1, 2], reply_tokens=3)
    assert said(run) == [20, 21]
    assert engine.lane.trunk.tokens + engine.lane.output.tokens[:1] == [
        *OPENING,
        *(110, 111, 1, 2, 112, 113),
    ]
