"""How long to wait follows from how a text ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.text.endings import Ending, ending_of

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@pytest.mark.parametrize(
    "text",
    [
        "What time is it?",
        "Stop!",
        "I see.",
        'He said "yes."',
        "Is it (really)?",
        "今天天气怎么样？",
        "好。",
        "नमस्ते।",
        "What is the capital of? ",
    ],
)
def test_a_mark_ends_a_sentence(text: str) -> None:
    assert ending_of(text) is Ending.FINISHED


@pytest.mark.parametrize(
    "text",
    [
        "my number is five five five",
        "my number is 555",
        "my number is 555,",
        "my phone number is 555-",
        "555 0142",
        "call me at 415 555",
        "double five three",
        "five oh one",
        "oh one six",
        "take down this number oh one",
        "take down this number oh one six",
        "my number is o two",
        "s m i",
        "S-M-I",
        "s. m. i.",
        "it's spelled b r",
        "my name is spelled j o",
        "b as in boy",
        "john smith at gmail dot",
        "the zip code is nine",
        "the address is twelve",
        "my account number is four",
        "add up twelve",
        "please add up twelve forty one",
        "sum up 12, 41",
    ],
)
def test_dictation_is_heard(text: str) -> None:
    assert ending_of(text) is Ending.DICTATION


@pytest.mark.parametrize(
    "text",
    [
        "I'd like",
        "I'd like to",
        "I'd like to, um",
        "um",
        "hmm",
        "okay, I need",
        "book a flight to",
        "what is the capital of",
        "what is the weather in",
        "what is the difference between",
        "what is the speed of",
        "so he was entitled to",
        "can you give me a list of",
        "can you",
        "what is",
        "my name is",
        "I went to the shop and",
        "please give me a",
        "call Dr.",
        "so I was thinking...",
        "so I was thinking…",
        "well,",
        "wait —",
        "I have a question.",
        "okay so can i ask you something",
        "Hi, quick question!",
        "I have one more question",
        "you know what?",
    ],
)
def test_what_cannot_end_there_is_open(text: str) -> None:
    assert ending_of(text) is Ending.OPEN


@pytest.mark.parametrize(
    "text",
    [
        "",
        "...",
        "hello",
        "what is seventeen times twenty three",
        "what is 23 times 1500",
        "add 12 and 15",
        "a table for two",
        "at seven thirty",
        "at 7:30",
        "set an alarm for seven a m",
        "set an alarm for 7 a.m.",
        "what happened in 2005",
        "it was nineteen eighty four",
        "two thousand and twenty five",
        "on July 4 2005",
        "I live in the u s a",
        "plan b",
        "oh oh oh",
        "should I",
        "what are you waiting for",
        "who is it for",
        "who should I talk to",
        "where are you from",
        "what do you think of",
        "what is it made of",
        "what am i entitled to",
        "which island is it connected to",
        "what is it like",
        "what is the movie about",
        "turn it on",
        "turn the lights on",
        "I know what it is",
        "that's what I want",
        "I think so",
        "do they know i have a question",
        "what was the one more thing",
    ],
)
def test_what_can_end_there_is_plain(text: str) -> None:
    assert ending_of(text) is Ending.PLAIN


@pytest.mark.parametrize(
    "text",
    [
        "il y en a",
        "mach das Licht an",
        "wer ist er",
        "co to",
        "hoe laat het is",
        "今天天气",
        "weißt du was",
    ],
)
def test_words_of_other_languages_are_not_taken_for_english(text: str) -> None:
    assert ending_of(text) is Ending.PLAIN


@given(st.lists(st.sampled_from(DIGITS), min_size=3, max_size=12))
def test_digits_one_by_one_are_dictation(digits: list[str]) -> None:
    assert ending_of(" ".join(digits)) is Ending.DICTATION
    assert ending_of("my number is " + " ".join(digits[:1])) is Ending.DICTATION


@given(st.text())
def test_every_text_ends_somehow_and_blanks_behind_it_mean_nothing(text: str) -> None:
    assert ending_of(text) is ending_of(text + " ")
