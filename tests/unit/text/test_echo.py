"""The start of what is heard is an echo if it is what was just said, in a row."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from duologue.text.echo import num_echoed_chars

SAID = (
    "Sure! The capital of France is Paris, which has about 2.1 million people. It's been the"
    " capital since 987, and it lies on the Seine."
)
# No two words are alike, so that it is clear which ones were heard.
DISTINCT = [f"{one}{two}ow" for one in "bdfgklmnprst" for two in "aeiou"]


@pytest.mark.parametrize(
    ("echo", "rest"),
    [
        ("the capital of france is paris", " stop please"),
        ("the capital of france is paris", " stop and it"),
        ("The capital of France is Paris.", " Stop"),
        ("The capital of France is Paris! ", ""),
        ("the capital of france is par", ""),
        ("apital of france is paris which", ""),
        ("the capital of frank is paris which has", ""),
        ("the capital of france paris which has", ""),
        ("the capital of of france is paris which", ""),
        ("has about two point one million people it has been", ""),
        ("been the capital since nine hundred eighty seven and", " no"),
    ],
)
def test_an_echo_ends_where_something_else_begins(echo: str, rest: str) -> None:
    assert num_echoed_chars(echo + rest, SAID) == len(echo)


@pytest.mark.parametrize(
    "heard",
    [
        "",
        "stop",
        "the capital of",
        "what do you mean by the capital of france is paris",
        "stop the capital of france is paris",
        "the capital of germany is berlin",
        "of capital the is france paris which",
        "the capital of spain",
        "...",
    ],
)
def test_what_does_not_begin_with_an_echo_is_none(heard: str) -> None:
    assert num_echoed_chars(heard, SAID) == 0


def test_nothing_echoes_nothing() -> None:
    assert num_echoed_chars("the capital of france is", "") == 0


def test_how_many_words_it_takes_is_the_callers() -> None:
    assert num_echoed_chars("capital of france", SAID, min_words=3) == len("capital of france")
    assert num_echoed_chars("the capital of france is paris", SAID, min_words=7) == 0


def test_letters_of_scripts_without_blanks_are_half_words() -> None:
    said = "法国的首都是巴黎，它有两百万人口。"
    assert num_echoed_chars("法国的首都是巴黎它有停", said) == len("法国的首都是巴黎它有")
    assert num_echoed_chars("法国的首都", said) == 0


def test_a_text_that_repeats_itself_is_given_up_on_or_found() -> None:
    assert num_echoed_chars("a " * 1500, "a " * 2000) == 3000
    assert num_echoed_chars("a " * 1500 + "b", "a " * 2000) in (0, 2999)


@given(st.integers(0, 40), st.integers(5, 20), st.lists(st.sampled_from(["stop", "no", "wait"])))
def test_words_in_a_row_are_an_echo(start: int, length: int, behind: list[str]) -> None:
    echo = " ".join(DISTINCT[start : start + length]).upper()
    heard = " ".join([echo, *behind])
    assert num_echoed_chars(heard, ", ".join(DISTINCT)) == len(echo)


@given(
    st.integers(0, 40),
    st.integers(6, 20),
    st.integers(1, 17),
    st.sampled_from([(), ("other",), ("one", "more")]),
)
def test_a_wrong_word_in_the_midst_is_allowed(
    start: int, length: int, place: int, instead: tuple[str, ...]
) -> None:
    words = DISTINCT[start : start + length]
    place = min(place, length - 3)
    heard = [*words[:place], *instead, *words[place + 1 :]]
    assume(len(heard) >= 6 * max(1, len(instead)))
    heard_text = " ".join(heard)
    assert num_echoed_chars(heard_text, " ".join(DISTINCT)) == len(heard_text)


@given(st.text(), st.text(), st.integers(1, 5))
def test_an_echo_is_never_longer_than_what_was_heard(heard: str, said: str, least: int) -> None:
    assert 0 <= num_echoed_chars(heard, said, min_words=least) <= len(heard)
