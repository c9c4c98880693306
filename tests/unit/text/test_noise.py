"""A recogniser's notes about sounds are taken out, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.text.noise import has_words, without_noise
from duologue.text.noise_tags import DEFAULT_NOISE_TAGS

word_tags = st.sampled_from([tag for tag in DEFAULT_NOISE_TAGS if tag.isascii()])
brackets = st.sampled_from(["[]", "()", "<>", "**", "（）", "♪♪", "{}"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[Music]", ""),
        ("(laughs) hello", "hello"),
        ("hello [BLANK_AUDIO] world", "hello world"),
        ("I said (laughs), no", "I said, no"),
        ("well *coughs* sorry", "well sorry"),
        ("(NOISE)(Laughter) <noise>", ""),
        ("[ Silence ]", ""),
        ("♪", ""),
        ("♪ music ♪ hi", "hi"),
        ("♪ la la ♪", "la la"),
        ("a[Music]b", "a b"),
        ("x [Music]\ny", "x\ny"),
        ("今天[Music]天气", "今天天气"),
        ("is that [laughs] ?", "is that?"),
        ("hello (there)", "hello (there)"),
        ("(so [Music] what)", "(so what)"),
        ("2* 3 *laughs*", "2* 3"),
        ("I like music and silence", "I like music and silence"),
        ("an array[0] and f(x)", "an array[0] and f(x)"),
        ("  spaced  [out]  ", "  spaced  [out]  "),
        ("[Music", "[Music"),
    ],
)
def test_only_notes_are_taken_out(text: str, expected: str) -> None:
    assert without_noise(text, DEFAULT_NOISE_TAGS) == expected


def test_the_tags_are_the_callers() -> None:
    assert without_noise("[Music] [Door_Bell!]", ("door bell",)) == "[Music]"
    assert without_noise("[Music] ♪", ()) == "[Music] ♪"


@given(word_tags, brackets, st.booleans())
def test_every_tag_is_known_in_every_bracket(tag: str, marks: str, is_upper: bool) -> None:
    written = tag.upper().replace(" ", "_") if is_upper else tag.title()
    note = f"{marks[0]}{written}{marks[1]}"
    assert not has_words(without_noise(note, DEFAULT_NOISE_TAGS))
    assert without_noise(f"so {note} what", DEFAULT_NOISE_TAGS) == "so what"


@given(st.text(st.characters(exclude_characters="♩♪♫♬[(<{*（【")))
def test_a_text_without_notes_is_unchanged(text: str) -> None:
    assert without_noise(text, DEFAULT_NOISE_TAGS) == text


@given(st.text())
def test_nothing_but_noise_has_nothing_to_lose(text: str) -> None:
    once = without_noise(text, ("music",))
    assert set(once) <= {*text, " "}


@pytest.mark.parametrize("text", ["a", "7", "天", "ก", "👍", "❤️", "☺", "½", "it is?", "(a)"])
def test_something_was_said(text: str) -> None:
    assert has_words(text)


@pytest.mark.parametrize("text", ["", " \n", "?", "…", "- -", "♪", "#", "*", ":)", "。", "©", "$"])
def test_nothing_was_said(text: str) -> None:
    assert not has_words(text)
