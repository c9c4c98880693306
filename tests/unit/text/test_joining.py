"""Neighbouring texts are joined with a blank where one belongs, and without where none does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.text.joining import join

pieces = st.sampled_from(
    [
        "",
        "is that",
        "so",
        "今天",
        "天气怎么样",
        "why?",
        ", so",
        "'t",
        "don",
        "’s",
        " a",
        "b ",
        "(c)",
        "5",
        "안녕",
    ]
)


@pytest.mark.parametrize(
    ("left", "right", "joined"),
    [
        ("I want to book a flight", "to Boston", "I want to book a flight to Boston"),
        ("a ", "b", "a b"),
        ("a", " b", "a b"),
        ("a\n", "b", "a\nb"),
        ("今天", "天气怎么样", "今天天气怎么样"),
        ("今天。", "明天", "今天。明天"),
        ("今天!", "明天", "今天!明天"),
        ("你好”", "他说", "你好”他说"),
        ("他说“", "你好", "他说“你好"),
        ("コー", "ヒー", "コーヒー"),
        ("5", "月", "5月"),
        ("ราคา", "เท่าไหร่", "ราคาเท่าไหร่"),
        ("안녕", "하세요", "안녕 하세요"),
        ("how do you say", "今天", "how do you say 今天"),
        ("नमस्त", "े", "नमस्ते"),
        ("is that", "?", "is that?"),
        ("is that", "… well", "is that… well"),
        ("ten", "%", "ten%"),
        ("seven", ":30", "seven:30"),
        ("google", ".com", "google.com"),
        ("about", ".5", "about .5"),
        ("thanks", ":)", "thanks :)"),
        ("he (she", ")", "he (she)"),
        ("a", "(b)", "a (b)"),
        ("(", "b)", "(b)"),
        ("don", "'t", "don't"),
        ("it", "’s late", "it’s late"),
        ("do", "n't", "don't"),
        ("don'", "t", "don't"),
        ("he said", "'so what'", "he said 'so what'"),
        ("tell", "'em", "tell 'em"),
        ("l'", "homme", "l'homme"),
        ("the dogs'", "food", "the dogs' food"),
        ("'no way'", "he said", "'no way' he said"),
        ('he said "', "hi", 'he said "hi'),
        ('"hello"', "he said", '"hello" he said'),
        ("il dit", "« oui »", "il dit « oui »"),
        ("« oui »", "dit-il", "« oui » dit-il"),
        ("»Hallo", "«", "»Hallo«"),
        ("er sagt", "„gut“", "er sagt „gut“"),
        ("well-", "known", "well-known"),
        ("well", "-known", "well-known"),
        ("it is", "-5 degrees", "it is -5 degrees"),
        ("so -", "what", "so - what"),
        ("it costs $", "5", "it costs $5"),
        ("c#", "code", "c# code"),
        ("hi", "👍", "hi 👍"),
    ],
)
def test_a_blank_stands_where_one_belongs(left: str, right: str, joined: str) -> None:
    assert join(left, right) == joined


@given(st.text(), st.text())
def test_nothing_is_lost_and_at_most_a_blank_is_added(left: str, right: str) -> None:
    assert join(left, right) in (left + right, f"{left} {right}")


@given(st.text())
def test_an_empty_text_adds_nothing(text: str) -> None:
    assert join("", text) == join(text, "") == text


@given(pieces, pieces, pieces)
def test_the_order_of_joining_makes_no_difference(first: str, second: str, third: str) -> None:
    assert join(join(first, second), third) == join(first, join(second, third))
