"""Phrases are known whatever is put around them, and only if nothing else is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.text.go_on_phrases import DEFAULT_GO_ON_PHRASES
from duologue.text.phrases import (
    MAX_POLITE_WORDS,
    begins_like_phrase,
    is_backchannel,
    is_phrase,
)

polite = st.lists(
    st.sampled_from(["okay", "yes", "please", "so", "then"]), max_size=MAX_POLITE_WORDS
)


@pytest.mark.parametrize(
    "text",
    [
        "go on",
        "GO ON!",
        "okay, go on",
        "yes please continue",
        "go on then",
        "so, I'm back now",
        "I am back",
        "im back",
        "Thank you, you can go on.",
        "go  \n on",
    ],
)
def test_go_on_is_understood(text: str) -> None:
    assert is_phrase(text, DEFAULT_GO_ON_PHRASES)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?",
        "okay",
        "go on a trip",
        "continue the story",
        "go",
        "don't go on",
        "I'm back from work",
    ],
)
def test_more_or_less_than_go_on_is_something_else(text: str) -> None:
    assert not is_phrase(text, DEFAULT_GO_ON_PHRASES)


@given(polite, st.sampled_from(DEFAULT_GO_ON_PHRASES), polite)
def test_polite_words_may_stand_around(before: list[str], phrase: str, behind: list[str]) -> None:
    assert is_phrase(" ".join([*before, phrase.upper(), *behind]) + ".", DEFAULT_GO_ON_PHRASES)


def test_polite_words_are_limited_and_phrases_are_the_callers() -> None:
    assert not is_phrase("yes " * (MAX_POLITE_WORDS + 1) + "go on", ("go on",))
    assert is_phrase("weiter, please", ("weiter",))
    assert is_phrase("继续。", ("继续",))
    assert not is_phrase("go on", ("", "?"))


@pytest.mark.parametrize(
    "text",
    [
        "Uh-huh",
        "mhm",
        "mm",
        "okay",
        "yeah right",
        "oh wow",
        "I see.",
        "got it",
        "um",
        "hm hm",
        "aha",
        "sure",
        "Really?",
        "that’s right",
        "uh-huh, uh-huh, yeah",
    ],
)
def test_sounds_of_listening_are_backchannels(text: str) -> None:
    assert is_backchannel(text)


@pytest.mark.parametrize(
    "text",
    ["", "?", "stop", "no", "okay stop", "really why", "I see a dog", "the", "嗯", "yes " * 5],
)
def test_whatever_says_something_is_no_backchannel(text: str) -> None:
    assert not is_backchannel(text)


@given(polite, st.sampled_from(DEFAULT_GO_ON_PHRASES), st.sampled_from(["", " please", " with it"]))
def test_each_beginning_of_a_phrase_is_known_and_so_is_what_follows_it(
    before: list[str], phrase: str, behind: str
) -> None:
    text = phrase.removeprefix("please ")
    head = " ".join([*before, ""])
    for end in range(1, len(text) + 1):
        assert begins_like_phrase(head + text[:end], DEFAULT_GO_ON_PHRASES)
    assert begins_like_phrase(head + text + behind, DEFAULT_GO_ON_PHRASES)


@pytest.mark.parametrize("text", ["", "?", "on", "a second", "okay", "yes please", "do go on"])
def test_other_words_begin_no_phrase(text: str) -> None:
    assert not begins_like_phrase(text, DEFAULT_GO_ON_PHRASES)
