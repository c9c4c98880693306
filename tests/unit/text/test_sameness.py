"""Two texts say the same or they do not, however they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.text.sameness import says_the_same
from tests.unit.text.test_numbers import in_words

words = st.lists(
    st.sampled_from(["set", "an", "alarm", "seven", "天", "what's", "7", "um", "a", "am"])
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("set an alarm for seven a m", "Set an alarm for 7 a.m."),
        ("twenty three", "23"),
        ("two thousand and five", "2005"),
        ("twenty twenty five", "2025"),
        ("one thousand two hundred", "1,200"),
        ("a hundred", "100"),
        ("seven thirty", "7:30"),
        ("seven o'clock", "7:00"),
        ("five five five oh one four two", "555-0142"),
        ("may fifth", "May 5th"),
        ("the twenty third of june", "the 23rd of June"),
        ("five hundred dollars", "$500"),
        ("one dollar", "$1"),
        ("five dollars and fifty cents", "$5.50"),
        ("one point five million dollars", "$1.5 million"),
        ("ten percent", "10%"),
        ("ten per cent", "10 percent"),
        ("three point five", "3.5"),
        ("minus five degrees", "-5°"),
        ("what is up", "What’s up?"),
        ("he has gone", "he's gone"),
        ("I would go", "I'd go"),
        ("I am", "I'm"),
        ("do not", "dont"),
        ("cannot", "can't"),
        ("um I want uh tea", "I want tea."),
        ("um", ""),
        ("okay", "OK"),
        ("s m i t h", "S-M-I-T-H"),
        ("s m i t h", "Smith"),
        ("e-mail", "email"),
        ("john at gmail dot com", "john@gmail.com"),
        ("今天 天气", "今天天气。"),
    ],
)
def test_the_same_is_known_in_both_directions(one: str, other: str) -> None:
    assert says_the_same(one, other)
    assert says_the_same(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("for seven", "for eleven"),
        ("to boston", "to Austin"),
        ("I want tea", "I want green tea"),
        ("tea", ""),
        ("tea", "teas"),
        ("is", "has"),
        ("can", "can't"),
        ("one two", "twelve"),
        ("fifth", "five"),
        ("23", "20 3"),
        ("3.5", "35"),
        ("$5", "€5"),
        ("5", "5%"),
        ("seven a m", "seven p m"),
        ("uh-uh", "uh-huh"),
        ("er kommt", "sie kommt"),
        ("今天", "明天"),
    ],
)
def test_what_differs_is_known_in_both_directions(one: str, other: str) -> None:
    assert not says_the_same(one, other)
    assert not says_the_same(other, one)


@given(st.text())
def test_every_text_says_what_it_says(text: str) -> None:
    assert says_the_same(text, text)


@given(words, words)
def test_the_direction_makes_no_difference(one: list[str], other: list[str]) -> None:
    there = says_the_same(" ".join(one), " ".join(other))
    assert says_the_same(" ".join(other), " ".join(one)) == there


@given(words)
def test_case_marks_and_blanks_make_no_difference(said: list[str]) -> None:
    assert says_the_same(" ".join(said), ",  ".join(said).upper() + "!")


@given(words, st.integers(0, 20), st.sampled_from(["green", "eleven", "明", "not", "5"]))
def test_an_added_word_makes_a_difference(said: list[str], place: int, added: str) -> None:
    more = [*said[:place], added, *said[place:]]
    assert not says_the_same(" ".join(said), " ".join(more))


@given(st.integers(1, 10**12))
def test_numbers_in_words_are_those_in_digits(number: int) -> None:
    assert says_the_same(f"it is {in_words(number)} today", f"It is {number:,} today.")
    assert not says_the_same(f"it is {in_words(number)} today", f"It is {number + 1:,} today.")
