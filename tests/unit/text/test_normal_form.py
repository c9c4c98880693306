"""What a model reads of an utterance does not depend on what recognisers add for no reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.text.normal_form import normal_form

SAID = st.text(alphabet="abcdefghij ,.?!'é0123", min_size=1) | st.lists(
    st.sampled_from(["how", "far", "uh", "um,", ",", "er.", "it?"]), min_size=1
).map(" ".join)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("how far is it", "how far is it"),
        ("How far is it?", "How far is it?"),
        ("how far is it,", "how far is it"),
        ("well, how far,,", "well, how far"),
        ("how far is it ,", "how far is it"),
        ("how far , ,", "how far"),
        ("多远，", "多远"),
        (",", ","),
        ("HOW FAR IS IT?", "how far is it?"),
        ("I WANT A TABLE", "i want a table"),
        ("CAFÉ DE PARIS", "café de paris"),
        ("MY CODE IS QF7K2L", "my code is QF7K2L"),
        ("STOP", "STOP"),
        ("NASA!", "NASA!"),
        ("I A", "I A"),
        ("call NASA NOW", "call NASA NOW"),
        ("how far is it uh", "how far is it"),
        ("How far is it, um...", "How far is it"),
        ("how far, er, um", "how far"),
        ("HOW FAR IS IT UH", "how far is it"),
        ("how far is uh it", "how far is uh it"),
        ("uh", "uh"),
        ("um uh", "um"),
        (", uh", ", uh"),
        ("mm-hmm", "mm-hmm"),
        ("is it uh?", "is it uh?"),
        ("wo ist er", "wo ist er"),
        ("quero um", "quero um"),
        ("quero um uh um", "quero um uh um"),
        ("how far um uh er", "how far"),
        ("", ""),
    ],
)
def test_what_is_read(text: str, read: str) -> None:
    assert normal_form(text) == read


@given(SAID)
def test_reading_what_was_read_changes_nothing(text: str) -> None:
    assert normal_form(normal_form(text)) == normal_form(text)


@given(SAID)
def test_commas_behind_a_text_make_no_difference(text: str) -> None:
    assert normal_form(text + ",") in (normal_form(text), text + ",")


def test_a_language_is_looked_at_once_however_many_fillers_follow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Or else a text that ends in thousands of them would stop its session for seconds."""
    asked: list[str] = []

    def has_english(text: str) -> bool:
        asked.append(text)
        return True

    monkeypatch.setattr("duologue.text.normal_form.has_english", has_english)
    assert normal_form("how far" + " um, er" * 1000) == "how far"
    assert asked == ["how far"]


@given(st.lists(st.sampled_from(["how", "far", "is", "it", "again?"]), min_size=1))
def test_a_filler_behind_a_text_makes_no_difference(words: list[str]) -> None:
    text = " ".join(words)
    for filler in (" uh", ", uh", " uh,", " uh..."):
        assert normal_form(text + filler) == normal_form(text)


@given(st.lists(st.sampled_from(["how", "far", "is", "it", "again?"]), min_size=2))
def test_a_text_in_capitals_is_read_like_one_without(words: list[str]) -> None:
    text = " ".join(words)
    assert normal_form(text.upper()) == normal_form(text)
