"""Words are found in every script, and compared without case, marks and spacing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.text.words import keys_of, words_of


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("Don’t STOP, o'clock.", ("don't", "stop", "o'clock")),
        ("at 7:00 and 7:30", ("at", "7", "and", "7", "30")),
        ("1,000.5 or 3.5", ("1000.5", "or", "3.5")),
        ("the 2nd, 7am", ("the", "2", "7", "am")),
        ("555-0142", ("555", "0142")),
        ("今天5月", ("今", "天", "5", "月")),
        ("abc今天", ("abc", "今", "天")),
        ("Café naïve Straße", ("café", "naïve", "strasse")),
        ("नमस्ते दुनिया", ("नमस्ते", "दुनिया")),
        ("hi 👍", ("hi", "👍")),
        ("…?!", ()),
    ],
)
def test_words_are_found(text: str, keys: tuple[str, ...]) -> None:
    assert keys_of(text) == keys


@given(st.text())
def test_words_stand_in_their_order_and_none_is_empty(text: str) -> None:
    words = words_of(text)
    places = [place for word in words for place in (word.start, word.end)]
    assert places == sorted(places)
    assert all(word.key and word.start < word.end for word in words)


@given(st.text())
def test_every_letter_and_digit_is_in_a_word(text: str) -> None:
    covered = {place for word in words_of(text) for place in range(word.start, word.end)}
    assert all(place in covered for place, char in enumerate(text) if char.isalpha())
    assert all(place in covered for place, char in enumerate(text) if char.isdecimal())
