"""Silence makes the session less patient, step by step, and each step judges once."""

from dataclasses import replace

import pytest

from duologue.floor_settings import ListeningSettings
from duologue.lane.judging import JudgingPatience
from duologue.session.silence import Silence
from duologue.session.terms import Terms
from duologue.settings import DecodingSettings
from duologue.states import State
from tests.unit.session.scripted_engine import UNSURE

NORMAL, LOW, OUT = JudgingPatience.NORMAL, JudgingPatience.LOW, JudgingPatience.OUT
TEXT = "the blue one"
LISTENING = ListeningSettings(open_after_ms=1200, dictation_after_ms=2200, last_limit_ms=6000)
TERMS = Terms(
    decoding=DecodingSettings(reconsider_after_ms=600, decide_after_ms=1600),
    listening=LISTENING,
)


@pytest.fixture
def silence() -> Silence:
    """The user spoke at 1,000 ms, and that was judged."""
    made = Silence()
    heard(made, 1000, judged=NORMAL)
    return made


def heard(
    silence: Silence, now_ms: float, text: str = TEXT, judged: JudgingPatience | None = None
) -> None:
    silence.heard(text, now_ms, is_final=False)
    silence.judged = judged


def patience(silence: Silence, now_ms: float, text: str = TEXT) -> JudgingPatience:
    return silence.patience(text, TERMS, now_ms)


def is_due(silence: Silence, now_ms: float, text: str = TEXT) -> bool:
    due_ms = silence.due_at_ms(text, TERMS, now_ms)
    return due_ms is not None and due_ms <= now_ms


@pytest.mark.parametrize(
    ("now_ms", "expected"),
    [(1000, NORMAL), (1599, NORMAL), (1600, LOW), (2599, LOW), (2600, OUT), (1e9, OUT)],
)
def test_patience_ends_with_time(
    silence: Silence, now_ms: float, expected: JudgingPatience
) -> None:
    assert patience(silence, now_ms) is expected


def test_each_degree_of_patience_judges_once(silence: Silence) -> None:
    due = []
    for now_ms in range(1000, 9000, 100):
        if is_due(silence, now_ms):
            silence.judged = patience(silence, now_ms)
            due.append((now_ms, silence.judged))
    assert due == [(1600, LOW), (2600, OUT)]
    assert silence.due_at_ms(TEXT, TERMS, 9000) is None


def test_what_is_not_due_is_announced(silence: Silence) -> None:
    assert silence.due_at_ms(TEXT, TERMS, 1000) == 1600
    silence.judged = LOW
    assert silence.due_at_ms(TEXT, TERMS, 1600) == 2600


def test_a_degree_that_was_slept_through_is_left_out(silence: Silence) -> None:
    assert is_due(silence, 9000)
    assert patience(silence, 9000) is OUT
    silence.judged = OUT
    assert not is_due(silence, 9001)


def test_new_text_begins_a_new_silence(silence: Silence) -> None:
    silence.judged = LOW
    heard(silence, 1700)
    silence.judged = patience(silence, 1700)
    assert patience(silence, 2299) is NORMAL
    assert not is_due(silence, 2299)
    assert is_due(silence, 2300)


def test_a_commit_ends_patience_at_once(silence: Silence) -> None:
    silence.commit()
    assert patience(silence, 1001) is OUT
    assert is_due(silence, 1001)
    silence.judged = OUT
    assert not is_due(silence, 1002)


def test_a_commit_also_covers_late_text_of_the_same_utterance(silence: Silence) -> None:
    """A recogniser often sends its final text after the end of the turn was detected."""
    silence.commit()
    heard(silence, 1100)
    assert patience(silence, 1100) is OUT


def test_a_judgement_that_failed_is_due_again(silence: Silence) -> None:
    silence.judged = OUT
    silence.failed()
    assert is_due(silence, 9000)


def test_a_judgement_that_failed_is_due_again_however_short_the_silence(silence: Silence) -> None:
    silence.failed()
    assert is_due(silence, 1001)


def test_a_decision_ends_the_commit_that_led_to_it(silence: Silence) -> None:
    silence.commit()
    silence.decided(has_rest=False)
    heard(silence, 1100)
    assert patience(silence, 1100) is NORMAL


def test_text_behind_a_commit_is_not_covered_once_the_rest_was_decided(silence: Silence) -> None:
    silence.commit()
    heard(silence, 1050)
    silence.decided(has_rest=True)
    assert patience(silence, 1100) is NORMAL


def test_a_commit_holds_for_text_that_the_decision_was_not_about(silence: Silence) -> None:
    """The decision was on its way when the user went on and finished."""
    heard(silence, 1050)
    silence.commit()
    silence.decided(has_rest=True)
    assert patience(silence, 1100) is OUT
    assert is_due(silence, 1100)


def test_what_a_decision_leaves_has_been_silent_since_it_came(silence: Silence) -> None:
    heard(silence, 1500)
    silence.decided(has_rest=True)
    assert patience(silence, 2099) is NORMAL
    assert patience(silence, 2100) is LOW


# What was heard says how long to wait.


def test_what_sounds_unfinished_waits_for_the_last_limit(silence: Silence) -> None:
    silence.probabilities = UNSURE
    assert patience(silence, 1600) is LOW
    assert patience(silence, 6999) is LOW
    assert patience(silence, 7000) is OUT


def test_other_words_are_not_what_sounded_unfinished(silence: Silence) -> None:
    silence.probabilities = UNSURE
    heard(silence, 1100)
    assert patience(silence, 2700) is OUT


def test_a_finished_sentence_is_finished_whatever_it_sounds_like(silence: Silence) -> None:
    silence.probabilities = UNSURE
    assert patience(silence, 2600, "the blue one.") is OUT


@pytest.mark.parametrize("text", ["I'd like to, um", "I'd like to go to the"])
def test_an_open_end_means_nothing_before_the_last_limit(silence: Silence, text: str) -> None:
    assert patience(silence, 6999, text) is NORMAL
    assert patience(silence, 7000, text) is OUT


def test_dictation_waits_for_the_next_group(silence: Silence) -> None:
    text = "my number is 0 1 7 2"
    assert patience(silence, 1000 + 2199, text) is NORMAL
    assert patience(silence, 1000 + 2200, text) is OUT


@pytest.mark.parametrize(("unfinished", "out_ms"), [(0.94, 2200), (0.96, 6000)])
def test_dictation_that_is_surely_unfinished_waits_for_the_last_limit(
    silence: Silence, unfinished: float, out_ms: int
) -> None:
    """The next group has to be looked up."""
    text = "the number is B seven seven"
    silence.probabilities = {State.QUERY: 1 - unfinished, State.INCOMPLETE: unfinished}
    assert patience(silence, 1000 + out_ms - 1, text) is NORMAL
    assert patience(silence, 1000 + out_ms, text) is OUT
    leaves = out_ms == LISTENING.last_limit_ms
    assert silence.left_at_ms(text, TERMS) == (1000 + out_ms if leaves else None), "over a reply"


def test_nothing_is_open_to_a_strategy_that_does_not_judge(silence: Silence) -> None:
    terms = Terms(decoding=DecodingSettings(strategy="turn", reconsider_after_ms=600))
    assert silence.patience("I'd like to, um", terms, 1599) is NORMAL
    assert silence.patience("I'd like to, um", terms, 1600) is OUT


def test_what_sounds_unfinished_leaves_at_the_last_limit(silence: Silence) -> None:
    assert silence.left_at_ms(TEXT, TERMS) is None
    silence.probabilities = {**UNSURE, State.INCOMPLETE: 0.8}
    assert silence.left_at_ms(TEXT, TERMS) == 7000
    assert silence.left_at_ms("I'd like to, um", TERMS) == 7000


@pytest.mark.parametrize(
    ("query", "non_query", "left_at_ms"), [(0.01, 0.2, 1000 + 1600), (0.2, 0.1, None)]
)
def test_what_is_unfinished_and_hardly_a_query_leaves_when_patience_is_out(
    silence: Silence, query: float, non_query: float, left_at_ms: float | None
) -> None:
    """ "You know": over a reply it is no query because nothing else is left."""
    rest = 0.99 - query - non_query
    silence.probabilities = {
        State.QUERY: query, State.NON_QUERY: non_query, State.INCOMPLETE: rest, State.HOLD: 0.01,
    }  # fmt: skip
    assert silence.left_at_ms(TEXT, TERMS) == left_at_ms


def test_what_is_not_english_does_not_leave_for_want_of_time(silence: Silence) -> None:
    """What the head reads of it means nothing, and nothing of it is dropped."""
    silence.probabilities = {
        State.QUERY: 0.01, State.NON_QUERY: 0.2, State.INCOMPLETE: 0.78, State.HOLD: 0.01,
    }  # fmt: skip
    german = "wie spät ist es in Berlin"
    waiting = replace(TERMS, knows_languages=True)
    judging = replace(waiting, listening=replace(LISTENING, foreign="judge"))
    assert silence.left_at_ms(german, waiting) is None
    assert silence.left_at_ms(german, judging) == 1000 + 1600
