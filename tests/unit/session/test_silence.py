"""Silence makes the session less patient, step by step, and each step judges once."""

import pytest

from duologue.lane.judging import Patience
from duologue.session.silence import Silence

NORMAL, LOW, OUT = Patience.NORMAL, Patience.LOW, Patience.OUT


@pytest.fixture
def silence() -> Silence:
    """The user spoke at 1,000 ms, and that was judged."""
    made = Silence(reconsider_after_ms=600, decide_after_ms=1600)
    made.heard(1000)
    made.judged(NORMAL)
    return made


@pytest.mark.parametrize(
    ("now_ms", "patience"),
    [(1000, NORMAL), (1599, NORMAL), (1600, LOW), (2599, LOW), (2600, OUT), (1e9, OUT)],
)
def test_patience_ends_with_time(silence: Silence, now_ms: float, patience: Patience) -> None:
    assert silence.patience(now_ms) is patience


def test_each_degree_of_patience_judges_once(silence: Silence) -> None:
    due = []
    for now_ms in range(1000, 5000, 100):
        if silence.is_due(now_ms):
            due.append((now_ms, silence.patience(now_ms)))
            silence.judged(silence.patience(now_ms))
    assert due == [(1600, LOW), (2600, OUT)]


def test_a_degree_that_was_slept_through_is_left_out(silence: Silence) -> None:
    assert silence.is_due(9000)
    assert silence.patience(9000) is OUT
    silence.judged(OUT)
    assert not silence.is_due(9001)


def test_new_text_begins_a_new_silence(silence: Silence) -> None:
    silence.judged(LOW)
    silence.heard(1700)
    silence.judged(silence.patience(1700))
    assert silence.patience(2299) is NORMAL
    assert not silence.is_due(2299)
    assert silence.is_due(2300)


def test_a_commit_ends_patience_at_once(silence: Silence) -> None:
    silence.commit()
    assert silence.patience(1001) is OUT
    assert silence.is_due(1001)
    silence.judged(OUT)
    assert not silence.is_due(1002)


def test_a_commit_also_covers_late_text_of_the_same_utterance(silence: Silence) -> None:
    """A recogniser often sends its final text after the end of the turn was detected."""
    silence.commit()
    silence.heard(1100)
    assert silence.patience(1100) is OUT


def test_a_judgement_that_failed_is_due_again(silence: Silence) -> None:
    silence.judged(OUT)
    silence.failed()
    assert silence.is_due(9000)


def test_a_judgement_that_failed_is_due_again_however_short_the_silence(silence: Silence) -> None:
    silence.failed()
    assert silence.is_due(1001)


def test_a_decision_ends_the_commit_that_led_to_it(silence: Silence) -> None:
    silence.commit()
    silence.decided(has_rest=False)
    silence.heard(1100)
    assert silence.patience(1100) is NORMAL


def test_text_behind_a_commit_is_not_covered_once_the_rest_was_decided(silence: Silence) -> None:
    silence.commit()
    silence.heard(1050)
    silence.decided(has_rest=True)
    assert silence.patience(1100) is NORMAL


def test_a_commit_holds_for_text_that_the_decision_was_not_about(silence: Silence) -> None:
    """The decision was on its way when the user went on and finished."""
    silence.heard(1050)
    silence.commit()
    silence.decided(has_rest=True)
    assert silence.patience(1100) is OUT
    assert silence.is_due(1100)


def test_what_a_decision_leaves_has_been_silent_since_it_came(silence: Silence) -> None:
    silence.heard(1500)
    silence.decided(has_rest=True)
    assert silence.patience(2099) is NORMAL
    assert silence.patience(2100) is LOW
