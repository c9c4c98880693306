"""Number words are read as the numbers they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.text.numbers import group_at, is_number_word

NAMES = (
    *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def in_words(number: int) -> str:
    """A number from 1 to below 10**15, as it is said."""
    for scale, name in ((10**12, "trillion"), (10**9, "billion"), (10**6, "million")):
        if number >= scale:
            rest = number % scale
            return f"{in_words(number // scale)} {name}" + (f" {in_words(rest)}" if rest else "")
    for scale, name in ((1000, "thousand"), (100, "hundred")):
        if number >= scale:
            rest = number % scale
            behind = f" and {in_words(rest)}" if rest else ""
            return f"{in_words(number // scale)} {name}{behind}"
    if number < 20:
        return NAMES[number - 1]
    return TENS[number // 10 - 2] + (f" {NAMES[number % 10 - 1]}" if number % 10 else "")


def groups(text: str) -> list[str]:
    words, place, found = text.split(), 0, []
    while place < len(words):
        group = group_at(words, place)
        found.append(group.digits if group else words[place])
        place += group.num_words if group else 1
    return found


@given(st.integers(1, 10**15 - 1))
def test_every_number_is_read_as_it_is_said(number: int) -> None:
    assert groups(in_words(number)) == [str(number)]
    assert all(is_number_word(word) or word == "and" for word in in_words(number).split())


@given(st.text(st.sampled_from("0123456789"), min_size=1, max_size=6000))
def test_digits_stay_as_they_are_written(digits: str) -> None:
    assert groups(digits) == [digits]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seven thirty", ["7", "30"]),
        ("nineteen eighty four", ["19", "84"]),
        ("five oh one", ["5", "0", "1"]),
        ("five and six", ["5", "and", "6"]),
        ("twenty third of may", ["23", "of", "may"]),
        ("a hundred and one dogs", ["101", "dogs"]),
        ("a cat", ["a", "cat"]),
        ("5 million", ["5000000"]),
        ("twelve hundred", ["1200"]),
        ("two hundred and", ["200", "and"]),
        ("thousand", ["thousand"]),
    ],
)
def test_words_fall_into_groups(text: str, expected: list[str]) -> None:
    assert groups(text) == expected
