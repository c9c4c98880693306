"""Whether a text sounds as if it went on with another one."""

import pytest

from duologue.text.continuing import sounds_continued


@pytest.mark.parametrize(
    "text",
    [
        "to Boston on Friday",
        "that has tables outside.",
        "without any eggs",
        "and a dessert",
        "Or rather to Austin",
        "no, I meant the river",
        "oh you said that already",
        "I mean the one after five",
        "in the afternoon",
        "the one after five",
        "half past five, I mean",
    ],
)
def test_the_rest_of_a_request(text: str) -> None:
    assert sounds_continued(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "…",
        "and",
        "i",
        "and he passes to the left wing",
        "And who painted the Mona Lisa?",
        "the minister said on tuesday",
        "honey have you seen my keys",
        "what about Italy?",
        "i think we should go",
        "nach Berlin am Freitag",
        "今天天气怎么样",
    ],
)
def test_something_else(text: str) -> None:
    assert not sounds_continued(text)


def test_the_next_word_tells_what_a_joint_is() -> None:
    heard = ["and", "and then", "and then he", "and then the bill"]
    assert [sounds_continued(text) for text in heard] == [False, True, True, True]


@pytest.mark.parametrize(
    ("alone", "rest", "other"),
    [
        ("in", "in the afternoon", "In which year was it finished?"),
        ("tomorrow", "tomorrow at nine", "Tomorrow it will be mostly cloudy."),
        ("which", "which has a pool", "which is the way to the station"),
        ("to", "to Boston", "To whom did she say that?"),
    ],
)
def test_the_next_word_tells_what_else_may_have_begun(alone: str, rest: str, other: str) -> None:
    assert not sounds_continued(alone)
    assert sounds_continued(alone, is_over=True)
    assert sounds_continued(rest)
    assert not sounds_continued(other)
    assert not sounds_continued(other, is_over=True)
