"""White space that means nothing is gone, and all else is as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.text.spacing import trimmed

spaced_texts = st.text(st.sampled_from("ab. \t\n\u00a0\u3000\u2028天"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a ", "a"),
        (" a", "a"),
        ("a  b", "a b"),
        ("a \t b", "a b"),
        ("\n a\n", "a"),
        ("def f():\n    return  1", "def f():\n    return 1"),
        ("a  \n\n  b", "a\n\n  b"),
        ("tu viens\u00a0?", "tu viens\u00a0?"),
        ("今天　天气", "今天　天气"),
        (" \n ", ""),
    ],
)
def test_only_needless_white_space_goes(text: str, expected: str) -> None:
    assert trimmed(text) == expected


@given(spaced_texts)
def test_trimming_twice_is_trimming_once(text: str) -> None:
    assert trimmed(trimmed(text)) == trimmed(text)


@given(spaced_texts)
def test_everything_but_blanks_stays(text: str) -> None:
    assert trimmed(text).split() == text.split()
    assert len(trimmed(text).splitlines()) == len(text.strip().splitlines())


@given(st.lists(st.sampled_from(["what", "is", "天", "that?"])))
def test_where_pieces_bring_their_blanks_makes_no_difference(words: list[str]) -> None:
    behind = "".join(f"{word} " for word in words)
    before = "".join(f" {word}" for word in words)
    assert trimmed(behind) == trimmed(before) == " ".join(words)
