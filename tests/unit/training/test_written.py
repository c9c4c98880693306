"""Utterances that were written one by one: how a file is read, and what ships."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from duologue.errors import InvalidInput
from duologue.states import State
from duologue.training.pieces import Piece, in_turn
from duologue.training.quotas import QUOTAS, label_of
from duologue.training.sample import Sample, Turn
from duologue.training.written import written_pieces, written_rows

FILE = """
== query answer
C: U: I need a cab | A: Where are you?
- In front of the library.

C: U: How do plants drink? | speaking
- wait, is that why they wilt?
C: alone
- What time is it?
== hold hold
- One moment.
"""


def test_rows_have_the_label_and_the_situation_that_stand_above_them() -> None:
    cab = (Turn("user", "I need a cab"), Turn("assistant", "Where are you?"))
    plants = (Turn("user", "How do plants drink?"),)
    assert list(written_rows(FILE.splitlines())) == [
        Sample("In front of the library.", State.QUERY, "answer", cab),
        Sample("wait, is that why they wilt?", State.QUERY, "answer", plants, speaking=True),
        Sample("What time is it?", State.QUERY, "answer"),
        Sample("One moment.", State.HOLD, "hold"),
    ]


@pytest.mark.parametrize("line", ["hello", "C: X: hello", "C: U:", "C: speaking U: hello"])
def test_another_line_is_refused_with_its_number(line: str) -> None:
    with pytest.raises(InvalidInput, match="line 2"):
        list(written_rows(["== hold hold", line]))


def test_an_unknown_label_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InvalidInput, match="line 1: 'question' is none of query, "):
        list(written_rows(["== question short"]))


def test_what_stands_alone_fits_any_context_and_the_rest_its_own(tmp_path: Path) -> None:
    (tmp_path / "some.txt").write_text(FILE, encoding="utf-8")
    pieces = [
        piece for held_out in (False, True) for piece in written_pieces(tmp_path, held_out=held_out)
    ]
    assert {piece.text: (piece.context is None, piece.speaking) for piece in pieces} == {
        "In front of the library.": (False, False),
        "wait, is that why they wilt?": (False, True),
        "What time is it?": (True, None),
        "One moment.": (True, None),
    }


def test_every_shipped_row_has_a_category_of_its_label() -> None:
    pieces = [*written_pieces(held_out=False), *written_pieces(held_out=True)]
    assert {piece.category for piece in pieces} <= set(QUOTAS)
    assert all(piece.label is label_of(piece.category) for piece in pieces)
    assert not any(piece.context is None for piece in pieces if piece.category == "free_answer")


def test_a_tenth_is_held_out_with_all_that_has_the_same_turns_before_it() -> None:
    train, held_out = (list(written_pieces(held_out=each)) for each in (False, True))
    assert 0.05 < len(held_out) / len(train) < 0.2
    questions = [
        {piece.context[-1] for piece in some if piece.context} for some in (train, held_out)
    ]
    assert not questions[0] & questions[1]
    assert Counter(piece.label for piece in held_out).keys() == set(State)


def test_none_is_drawn_twice_before_each_was_drawn_once() -> None:
    pieces = [Piece(text, State.HOLD, "hold", "written") for text in ("hush", "wait", "stop")]
    draw, rng = in_turn(pieces), Random(3)
    rounds = [[draw(rng).text for _ in pieces] for _ in range(20)]
    assert all(sorted(drawn) == ["hush", "stop", "wait"] for drawn in rounds)
    assert len(set(map(tuple, rounds))) == 6
