"""Turns of booking lines and banks: requests, answers behind their questions, closing words."""

import pytest

from duologue.states import State
from duologue.training.corpora.records import Corpora, DialogueTurn, ServiceTurn
from duologue.training.pieces import Piece
from duologue.training.service_pieces import service_pieces

ASKING = (
    DialogueTurn(True, "a table for two", frozenset({"INFORM"})),
    DialogueTurn(False, "Shall I book it for noon?", frozenset({"CONFIRM"})),
)


def pieces_of(text: str, requested: str = "", intents: str = "", slots: str = "") -> list[Piece]:
    turn = ServiceTurn(
        text,
        frozenset(requested.split()),
        frozenset(intents.split()),
        frozenset(slots.split()),
        "nlupp",
    )
    return list(service_pieces(Corpora(service_turns=[turn], dialogues=[ASKING])))


def test_what_was_asked_for_stands_behind_the_question_for_it() -> None:
    (piece,) = pieces_of("seven", requested="people", slots="people")
    assert (piece.label, piece.category) == (State.QUERY, "answer")
    assert piece.context is not None
    asked = piece.context[-1]
    assert asked.role == "assistant"
    words = asked.text.lower()
    assert any(word in words for word in ("many", "size"))


def test_a_bare_value_is_an_answer_and_a_sentence_a_request() -> None:
    (bare,) = pieces_of("from 9 to 5", slots="time_from time_to")
    (request,) = pieces_of("Do you have room for 11 of us?", slots="people")
    assert (bare.category, request.category) == ("answer", "task_request")
    assert request.context is None


def test_yes_and_no_stand_behind_a_closed_question() -> None:
    (piece,) = pieces_of("yes that one", intents="affirm")
    assert piece.category == "answer"
    assert piece.context is not None
    assert piece.context[-1].text.endswith("?")


@pytest.mark.parametrize(
    ("text", "intents", "label"),
    [
        ("thanks a lot, bye", "thank end_call", State.NON_QUERY),
        ("thanks, and what is my balance", "thank request_info", State.QUERY),
    ],
)
def test_closing_words_need_no_answer_unless_there_is_more(
    text: str, intents: str, label: State
) -> None:
    (piece,) = pieces_of(text, intents=intents)
    assert piece.label is label


def test_what_could_be_anything_is_left_out() -> None:
    assert not pieces_of("okay then")
