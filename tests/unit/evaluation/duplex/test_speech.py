"""How a line is spoken: words at their times, pauses, corrections of recognition."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duologue.errors import InvalidInput
from duologue.evaluation.duplex.speech import REVISION_MS, SpeechPause, SpeechPiece, spoken

PER_MINUTE = 120  # half a second for a word


def test_a_word_arrives_when_it_is_over() -> None:
    speech = spoken("What  time is it?", PER_MINUTE)
    assert speech.pieces == (
        SpeechPiece(500, "What"),
        SpeechPiece(1000, " time"),
        SpeechPiece(1500, " is"),
        SpeechPiece(2000, " it?"),
    )
    assert speech.duration_ms == 2000
    assert speech.text == "What time is it?"
    assert speech.pauses == ()


def test_a_pause_is_silence_between_two_words() -> None:
    speech = spoken("the capital | pause 700 | of France", PER_MINUTE)
    assert [piece.at_ms for piece in speech.pieces] == [500, 1000, 2200, 2700]
    assert speech.pauses == (SpeechPause(1000, 2200),)
    assert speech.text == "the capital of France"


def test_recognition_corrects_itself_after_a_while() -> None:
    speech = spoken("a table for {to>two} people", PER_MINUTE)
    assert speech.pieces[3:] == (
        SpeechPiece(2000, " to"),
        SpeechPiece(2000 + REVISION_MS, "a table for two", revises=True),
        SpeechPiece(2500 + REVISION_MS, " people"),
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


def test_a_segment_ends_and_another_begins() -> None:
    speech = spoken("book a flight | final 500 | to Boston | final |", PER_MINUTE)
    assert [(p.at_ms, p.text, p.segment, p.is_final) for p in speech.pieces] == [
        (500, "book", 0, False),
        (1000, " a", 0, False),
        (1500, " flight", 0, True),
        (2500, "to", 1, False),
        (3000, " Boston", 1, True),
    ]
    assert speech.pauses == (SpeechPause(1500, 2500),)
    assert speech.num_segments == 2
    assert speech.text == "book a flight to Boston"


def test_a_correction_stays_in_its_segment() -> None:
    speech = spoken("hi | final | {too>to} you", PER_MINUTE)
    assert [(piece.text, piece.segment) for piece in speech.pieces] == [
        ("hi", 0),
        ("too", 1),
        ("to", 1),
        (" you", 1),
    ]


def test_a_final_text_comes_late_and_a_commit_at_once() -> None:
    speech = spoken('at seven a m | commit | | late 900 "At 7 a.m." |', PER_MINUTE)
    assert speech.duration_ms == 2000
    assert list(speech.commits_ms) == [2000]
    assert list(speech.late) == [SpeechPiece(2900, "At 7 a.m.", revises=True, is_final=True)]
    assert speech.text == "At 7 a.m."


def test_a_tag_in_brackets_is_one_word() -> None:
    speech = spoken("[clears throat] so (door slams) <noise>", PER_MINUTE)
    assert [piece.text for piece in speech.pieces] == [
        "[clears throat]",
        " so",
        " (door slams)",
        " <noise>",
    ]


def test_an_echo_says_what_was_said_before_the_last_word() -> None:
    reply = "Once upon a time, there lived a King in a cast"
    assert spoken("| echo 5 |", PER_MINUTE, reply).text == "lived a King in a"
    assert spoken("| echo 7 misheard |", PER_MINUTE, reply).text == "time there lived king in a"
    assert spoken("| echo 3 | stop", PER_MINUTE).text == "echo echo echo stop"
    assert spoken("| echo 3 |", PER_MINUTE, "Hm").text == "echo echo echo"


@pytest.mark.parametrize(
    ("say", "complaint"),
    [
        ("hello | final 500 |", "cannot end with a pause"),
        ("| final | hello", "must follow a word"),
        ("hello | final | | final |", "must say something before it is final"),
        ("hello | pause 5 | | final | you", "must follow a word, not a silence"),
        ("| commit | hello", "must follow a word"),
        ('hello | late 5 "Hello" | you', "stands at the end of a line; a word follows it"),
        ('hello | late 0 "Hello" |', "must last 1 to"),
        ('hello | final | | late 5 "Hello" |', "for a segment that is final"),
        ("hello | late 5 Hello |", "cannot read"),
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
