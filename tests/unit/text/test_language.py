"""What is surely not English is told so, and what is English, or may be, is not."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.language import WRITTEN, foreign_utterances
from duologue.text.english_words import ENGLISH_WORDS
from duologue.text.foreign_words import FOREIGN_WORDS, HALF_WORDS
from duologue.text.language import has_english, is_foreign, plain

english = st.lists(st.sampled_from(sorted(ENGLISH_WORDS)), max_size=12)


@pytest.mark.parametrize("language", foreign_utterances())
def test_most_of_what_people_say_in_a_language_is_told(language: str) -> None:
    """At least three quarters of the worst language; all of those in other letters."""
    for name, write in WRITTEN.items():
        texts = [write(text) for text in foreign_utterances()[language]]
        share = sum(map(is_foreign, texts)) / len(texts)
        assert share >= (0.6 if name == "in plain letters" else 0.75), (name, share)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "...", "42", "👍", "Ω", "a", "uh-huh", "mhm", "la la la la la", "da da da"),
        *("Peter", "José García", "Müller", "São Paulo", "Oscar de la Hoya", "Los Angeles"),
        *("El Paso", "Rio de Janeiro", "café au lait", "à la carte", "déjà vu", "Beyoncé"),
        *("play Despacito by Luis Fonsi", "how do you say guten morgen in german"),
        *("what does 你好 mean", "book a table at La Trattoria", "call Søren Ødegård please"),
        *("i will die in a war", "no me no", "was it an on or an in", "o'clock", "u. s. d."),
        *("uh so um i mean the um", "whats teh wether liek tomorow", "navigate to Champs-Élysées"),
        *("gracias", "merci", "ciao", "danke", "roll 6 sided die", "x y z", "a b c d e f g"),
    ],
)
def test_what_is_english_or_may_be_is_not_foreign(text: str) -> None:
    assert not is_foreign(text)
    assert not is_foreign(text.upper())
    assert not is_foreign(text.lower())


@pytest.mark.parametrize(
    "text",
    [
        *(
            "да",
            "はい",
            "谢谢",
            "네",
            "नमस्ते",
            "Καλημέρα",
            "שלום",
            "สวัสดี",
            "привет!",
            "我想买一台 iPhone",
        ),
        *(
            "ich habe ein Meeting im Office",
            "je voudrais un coffee",
            "WIE SPÄT IST ES",
            "wie spät ist",
        ),
        *("qué hora es", "que hora es por favor", "ما هذا", "muchas gracias señor"),
    ],
)
def test_what_is_surely_another_language_is_foreign(text: str) -> None:
    assert is_foreign(text)


@given(english)
def test_english_words_are_english(words: Sequence[str]) -> None:
    assert not is_foreign(" ".join(words))


@given(st.sampled_from([t for each in foreign_utterances().values() for t in each]), english)
def test_english_words_behind_a_text_never_make_it_foreign(text: str, words: Sequence[str]) -> None:
    """Nor before it."""
    said = text.split()
    for length in range(len(said) + 1):
        begun = " ".join(said[:length])
        if not is_foreign(begun):
            assert not is_foreign(" ".join([begun, *words]))
            assert not is_foreign(" ".join([*words, begun]))


@given(st.text(max_size=60), st.integers(0, 3), st.integers(0, 3))
def test_spacing_at_the_ends_means_nothing(text: str, before: int, behind: int) -> None:
    assert is_foreign(" " * before + text + " " * behind) == is_foreign(text)


def test_a_long_text_is_told_by_its_end() -> None:
    assert is_foreign("what is the time " * 100 + "ich weiß nicht wie spät es ist " * 20)


def test_english_is_found_only_where_no_other_language_has_the_word() -> None:
    assert has_english("okay then")
    assert not has_english("was ist in")
    assert not has_english("Sabine")


def test_words_that_english_texts_have_too_are_of_the_lists() -> None:
    """One that is of no language's list would count nothing, and stand there for nothing."""
    words = {word for each in FOREIGN_WORDS.values() for word in each}
    assert words | {plain(word) for word in words} >= HALF_WORDS
