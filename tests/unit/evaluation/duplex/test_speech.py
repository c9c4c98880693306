"""How a line is spoken: words at their times, pauses, corrections of recognition."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duologue.errors import InvalidInput
from duologue.evaluation.duplex.speech import REVISION_MS, Pause, Piece, spoken

PER_MINUTE = 120  # half a second for a word


def test_a_word_arrives_when_it_is_over() -> None:
    speech = spoken("What  time is it?", PER_MINUTE)
    assert speech.pieces == (
        Piece(500, "What"),
        Piece(1000, " time"),
        Piece(1500, " is"),
        Piece(2000, " it?"),
    )
    assert speech.duration_ms == 2000
    assert speech.text == "What time is it?"
    assert speech.pauses == ()


def test_a_pause_is_silence_between_two_words() -> None:
    speech = spoken("the capital | pause 700 | of France", PER_MINUTE)
    assert [piece.at_ms for piece in speech.pieces] == [500, 1000, 2200, 2700]
    assert speech.pauses == (Pause(1000, 2200),)
    assert speech.text == "the capital of France"


def test_recognition_corrects_itself_after_a_while() -> None:
    speech = spoken("a table for {to>two} people", PER_MINUTE)
    assert speech.pieces[3:] == (
        Piece(2000, " to"),
        Piece(2000 + REVISION_MS, "a table for two", revises=True),
        Piece(2500 + REVISION_MS, " people"),
    )
    assert speech.text == "a table for two people"


def test_several_words_and_the_first_and_the_last_can_be_corrected() -> None:
    speech = spoken("{wreck a>recognise} speech, {plea's>please}!", PER_MINUTE)
    heard = [piece.text for piece in speech.pieces]
    assert heard == [
        "wreck",
        " a",
        "recognise",
        " speech,",
        " plea's",
        "recognise speech, please!",
    ]
    assert speech.duration_ms == 2000 + 2 * REVISION_MS


@pytest.mark.parametrize(
    ("say", "complaint"),
    [
        ("  ", "must say something"),
        ("| pause 500 | hello", "cannot begin with a pause"),
        ("hello | pause 500 |", "cannot end with a pause"),
        ("hello | pause 1 | | pause 1 | you", "must have words between"),
        ("hello | pause 0 | you", "must last 1 to"),
        ("hello | pause 99999 | you", "not 99999"),
        ("hello | wait 5 | you", r"cannot read '\| wait 5 \| you'"),
        ("a {b} c", r"cannot read '\{b\} c'"),
        ("a {b>} c", "cannot read"),
    ],
)
def test_unreadable_marks_are_refused(say: str, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        spoken(say, PER_MINUTE)


WORDS = st.text("abcdefg?,.'é", min_size=1, max_size=5)
MARKS = st.one_of(
    WORDS,
    st.tuples(WORDS, WORDS).map(lambda pair: f"{{{pair[0]}>{pair[1]}}}"),
    st.tuples(st.integers(1, 900), WORDS).map(lambda pair: f"| pause {pair[0]} | {pair[1]}"),
)


@settings(max_examples=60, deadline=None)
@given(WORDS, st.lists(MARKS, max_size=6), st.integers(60, 400))
def test_time_goes_forward_and_nothing_is_lost(
    first: str, marks: list[str], words_per_minute: int
) -> None:
    speech = spoken(" ".join([first, *marks]), words_per_minute)
    times = [piece.at_ms for piece in speech.pieces]
    assert times == sorted(times)
    assert len(set(times)) == len(times)
    meant = [mark.split(">")[-1].rstrip("}").split("| ")[-1] for mark in marks]
    assert speech.text == " ".join([first, *meant])
    pauses = [mark for mark in marks if mark.startswith("|")]
    assert len(speech.pauses) == len(pauses)
