"""Numbers in groups: unfinished until the last one."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from duologue.states import State
from duologue.training.dictated import begun_number, whole_number
from duologue.training.pieces import Piece

COUNTS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen",
)  # fmt: skip
WORDS = set("zero oh one two three four five six seven eight nine".split())  # noqa: SIM905


def pieces_said(piece: Piece) -> int:
    """Digits, or letters of a name."""
    text = piece.text.replace(",", " ").replace("-", " ").replace(".", " ")
    words = text.split()
    letters = sum(len(word) == 1 and word.isalpha() for word in words)
    figures = sum(character.isdigit() for character in text)
    return sum(word in WORDS for word in words) + words.count("double") + letters + figures


@given(st.integers())
def test_a_number_is_an_answer_when_it_is_whole_and_unfinished_before(seed: int) -> None:
    whole = whole_number("whole_number")(Random(seed))
    begun = begun_number("number_group")(Random(seed))
    assert (whole.label, begun.label) == (State.QUERY, State.INCOMPLETE)
    assert 3 <= pieces_said(whole) <= 16
    assert 0 < pieces_said(begun) < 16
    for piece in (whole, begun):
        assert piece.context is not None
        assert piece.context[-1].role == "assistant"


@given(st.integers())
def test_a_question_that_tells_the_length_decides_what_is_whole(seed: int) -> None:
    whole = whole_number("whole_number")(Random(seed))
    begun = begun_number("number_group")(Random(seed))
    for piece, is_whole in ((whole, True), (begun, False)):
        assert piece.context is not None
        told = [COUNTS.index(word) for word in counting_words(piece.context[-1].text)]
        if told:
            assert (pieces_said(piece) == told[0]) is is_whole
            assert pieces_said(piece) <= told[0]


def counting_words(question: str) -> list[str]:
    return [word for word in question.lower().strip("?.").split() if word in COUNTS]
