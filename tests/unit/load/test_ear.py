"""What a person noticed is told apart: at once, after silence, too early, not at all."""

import pytest

from benchmarks.crowd.ear import Ear
from benchmarks.crowd.figures import figures_of, percentile, spread
from benchmarks.crowd.notes import Answer, Notes, Turn
from duologue.client import (
    InputState,
    Interrupted,
    ResponseDelta,
    ResponseDone,
    ResponsePaused,
    ResponseResumed,
    ResponseStarted,
)
from duologue.evaluation.duplex.acts import Act
from duologue.lane.steps import EndReason
from duologue.states import State

TEXT = "What is it?"


class Stage:
    """One person; the last word of the first turn is due at 1,000 ms."""

    def __init__(self, act: Act = Act.QUERY) -> None:
        self.notes = Notes(0, 0.0, ready_ms=5.0)
        self.ear = Ear(self.notes)
        self.turn = Turn("turn-1", act, TEXT, due_end_ms=1_000)
        self.notes.turns.append(self.turn)

    def say(self, sent_ms: float = 1_000) -> None:
        self.turn.sent_end_ms = sent_ms

    def judge(self, state: State, now_ms: float, text: str = TEXT, segment: str = "turn-1") -> None:
        self.ear.told(InputState(state, {}, text, (segment,)), now_ms)

    def is_told_something(self) -> bool:
        return self.ear.running is not None

    def answer(self) -> Answer | None:
        return self.turn.answer

    def reply(self, number: int, *texts_at_ms: float) -> None:
        self.ear.told(ResponseStarted(number), texts_at_ms[0])
        for at_ms in texts_at_ms:
            self.ear.told(ResponseDelta(number, "so "), at_ms)


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_reply_at_once(stage: Stage) -> None:
    stage.judge(State.INCOMPLETE, 900, "What is")
    stage.say()
    stage.judge(State.QUERY, 1_090)
    stage.reply(1, 1_100, 1_150, 1_250)
    assert stage.answer() is Answer.AT_ONCE
    assert stage.turn.response_ms == 100
    assert [gap for _, gap in stage.notes.gaps_ms] == [50, 100]


def test_waiting_is_counted_from_when_the_word_was_due(stage: Stage) -> None:
    stage.say(sent_ms=1_700)
    stage.judge(State.QUERY, 1_750)
    stage.reply(1, 1_800)
    assert stage.turn.response_ms == 800


def test_a_reply_after_silence(stage: Stage) -> None:
    stage.say()
    stage.judge(State.INCOMPLETE, 1_100)
    stage.judge(State.QUERY, 1_900)
    stage.reply(1, 1_950)
    assert stage.answer() is Answer.AFTER_SILENCE


def test_a_committed_turn(stage: Stage) -> None:
    stage.turn.is_committed = True
    stage.say()
    stage.judge(State.QUERY, 1_050)
    stage.reply(1, 1_060)
    assert stage.answer() is Answer.COMMITTED


def test_a_reply_to_a_part_is_too_early_unless_it_is_given_again(stage: Stage) -> None:
    stage.judge(State.QUERY, 700, "What is")
    stage.reply(1, 750)
    stage.say()
    assert stage.answer() is Answer.TOO_EARLY
    assert [stage.turn.response_ms] == [None]
    stage.ear.told(Interrupted(1, 0), 1_050)
    stage.ear.told(ResponseDone(1, EndReason.INTERRUPTED), 1_050)
    stage.judge(State.QUERY, 1_060)
    assert stage.answer() is None
    stage.reply(2, 1_080)
    assert stage.answer() is Answer.AT_ONCE
    assert stage.turn.response_ms == 80


def test_a_query_taken_for_something_else_is_no_wait(stage: Stage) -> None:
    stage.say()
    stage.judge(State.NON_QUERY, 1_100)
    assert stage.ear.has_answered(stage.turn)
    assert stage.answer() is Answer.MISJUDGED
    assert stage.turn.response_ms is None


def test_a_reply_that_never_comes_is_an_infinite_wait(stage: Stage) -> None:
    stage.say()
    assert stage.answer() is None
    stage.turn.waited_ms = 4_000
    assert stage.answer() is Answer.MISSING
    assert stage.turn.response_ms == float("inf")


def test_what_asks_for_nothing_is_not_waited_for() -> None:
    stage = Stage(Act.BACKCHANNEL)
    stage.say()
    stage.turn.waited_ms = 4_000
    assert stage.answer() is None
    assert stage.turn.yield_ms is None


def test_yielding_is_counted_from_the_interruptions_last_word(stage: Stage) -> None:
    stage.say()
    stage.judge(State.QUERY, 1_010)
    stage.reply(1, 1_100)
    cut = Turn("turn-2", Act.INTERRUPTION, "Wait", due_end_ms=2_000, interrupts=1)
    stage.notes.turns.append(cut)
    cut.sent_end_ms = 2_000
    assert stage.is_told_something()
    stage.ear.told(Interrupted(1, 3), 2_150)
    stage.ear.told(ResponseDone(1, EndReason.INTERRUPTED), 2_150)
    assert not stage.is_told_something()
    yields = [cut.yield_ms]
    cut.cut_ms = 1_900
    assert [*yields, cut.yield_ms] == [150, None]
    figures = figures_of([stage.notes], 0)["yield_ms"]
    assert (figures["interruptions"], figures["cut"], figures["cut_before_last_word"]) == (1, 1, 1)


def test_percentiles_do_not_pass_over_those_who_waited_in_vain() -> None:
    waits = [100.0] * 94 + [float("inf")] * 6
    assert spread(waits) == {
        "count": 100,
        "p50": 100,
        "p95": "never",
        "p99": "never",
        "max": "never",
    }
    assert percentile([], 0.5) is None


def test_figures_are_of_the_measured_time_and_count_what_is_wrong(stage: Stage) -> None:
    stage.say()
    stage.judge(State.QUERY, 1_010)
    stage.reply(1, 1_100, 1_140)
    figures = figures_of([stage.notes], measured_from_ms=0)
    assert figures["response_ms"]["all"]["p50"] == 100
    assert figures["inter_token_ms"]["count"] == 1
    assert figures["integrity"]["sessions_not_intact"] == 0
    later = figures_of([stage.notes], measured_from_ms=1_120)
    assert later["response_ms"]["all"]["count"] == 0
    assert later["inter_token_ms"]["count"] == 1
    for name in ("num_lost", "num_doubled", "num_garbled", "num_untaken"):
        broken = Notes(1, 0.0)
        setattr(broken, name, 1)
        assert figures_of([broken], 0)["integrity"]["sessions_not_intact"] == 1
    refused = figures_of([Notes(1, 0.0, refused="no room")], 0)["sessions"]
    assert (refused["refused"], refused["why"]) == (1, {"no room": 1})


def test_a_decision_that_is_taken_back_is_no_answer(stage: Stage) -> None:
    stage.judge(State.QUERY, 900, "What is")
    stage.judge(State.INCOMPLETE, 950, "What is")
    stage.say()
    assert stage.turn.decision is None
    stage.judge(State.QUERY, 1_090)
    stage.reply(1, 1_400)
    assert stage.answer() is Answer.AT_ONCE
    assert stage.turn.response_ms == 400, "a held reply counts from its first shown text"


def test_a_reply_yields_when_it_falls_silent_unless_it_goes_on(stage: Stage) -> None:
    stage.say()
    stage.judge(State.QUERY, 1_010)
    stage.reply(1, 1_100)
    cutting = Turn("turn-2", Act.QUERY, "Wait, why?", due_end_ms=2_000, interrupts=1)
    cutting.sent_end_ms = 2_000
    stage.notes.turns.append(cutting)
    stage.ear.told(ResponsePaused(1), 1_800)
    assert not stage.is_told_something()
    stage.ear.told(ResponseResumed(1, 3), 1_900)
    assert cutting.cut_ms is None
    stage.ear.told(ResponseDelta(1, "and "), 1_950)
    assert stage.notes.gaps_ms == [], "a pause is no gap in the text"
    stage.ear.told(ResponsePaused(1), 2_050)
    stage.ear.told(Interrupted(1, 3), 2_400)
    stage.ear.told(ResponseDone(1, EndReason.INTERRUPTED), 2_400)
    assert cutting.yield_ms == 50


def test_a_reply_that_was_cut_and_comes_back_is_one_reply(stage: Stage) -> None:
    stage.say()
    stage.judge(State.QUERY, 1_010)
    stage.reply(1, 1_100, 1_200)
    stage.ear.told(Interrupted(1, 2), 1_300)
    stage.ear.told(ResponseDone(1, EndReason.INTERRUPTED), 1_300)
    stage.reply(2, 1_350)
    stage.ear.told(ResponseDone(2, EndReason.INTERRUPTED), 1_400)
    stage.ear.told(ResponseResumed(1, 2), 1_400)
    assert stage.ear.running is stage.notes.replies[0]
    stage.ear.told(ResponseDelta(1, " far"), 1_450)
    stage.ear.told(ResponseDone(1, EndReason.STOP), 1_500)
    assert (stage.notes.replies[0].text, stage.notes.replies[0].is_complete) == ("so far", True)


def test_a_word_is_judged_by_the_first_state_that_has_it() -> None:
    stage = Stage()
    for due_ms, text in ((200, "What"), (500, "What is"), (800, "What is it?")):
        stage.ear.sent("turn-1", text, due_ms)
    stage.judge(State.INCOMPLETE, 530, "What is")
    assert stage.notes.judged_ms[:2] == [(200, 330), (500, 30)]
    assert len(stage.notes.judged_ms) == 2
    stage.judge(State.QUERY, 850)
    assert stage.notes.judged_ms[2:] == [(800, 50)]
    figures = figures_of([stage.notes], 400)["judgement_ms"]
    assert (figures["count"], figures["max"], figures["unjudged"]) == (2, 50, 0)


def test_words_of_others_do_not_count() -> None:
    stage = Stage()
    stage.ear.sent("turn-1", "What", 200)
    stage.judge(State.QUERY, 300, "What", segment="turn-0")
    assert stage.notes.judged_ms == []


def test_what_follows_a_decision_may_be_judged_without_it() -> None:
    stage = Stage()
    stage.ear.sent("turn-1", "What is it?", 800)
    stage.judge(State.QUERY, 850)
    stage.ear.sent("turn-1", "What is it? Tell", 1_200)
    stage.judge(State.INCOMPLETE, 1_240, "Tell")
    assert stage.notes.judged_ms == [(800, 50), (1_200, 40)]
    assert stage.notes.num_unjudged == 0
