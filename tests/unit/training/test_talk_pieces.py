"""What people say to each other: what stood before a line tells what it is."""

import pytest

from duologue.states import State
from duologue.training.corpora.records import Corpora, MeetingLine, TalkLine
from duologue.training.pieces import Piece
from duologue.training.talk_pieces import FIRST_NAMES, talk_pieces


def talk(*texts: str, source: str = "cabnc", addressee: str = "") -> list[Piece]:
    """The pieces of lines that two people say in turn."""
    lines = [
        TalkLine("one", "ab"[place % 2], text, addressee, source)
        for place, text in enumerate(texts)
    ]
    return list(talk_pieces(Corpora(talk=lines)))


def test_what_follows_a_question_answers_it() -> None:
    (piece,) = talk("What time did you get there then.", "About half past six.")
    assert (piece.label, piece.category) == (State.QUERY, "spoken_answer")
    assert piece.text == "About half past six"
    assert piece.context is not None
    assert [(turn.role, turn.text) for turn in piece.context] == [
        ("assistant", "What time did you get there then?")
    ]


def test_the_same_words_answer_a_question_and_otherwise_show_that_somebody_listens() -> None:
    (answer,) = talk("Did you see the film.", "Yeah.")
    (listening,) = talk("They all went home on the late bus.", "Yeah.")[-1:]
    assert (answer.label, answer.category) == (State.QUERY, "spoken_answer")
    assert (listening.label, listening.category) == (State.NON_QUERY, "backchannel")


@pytest.mark.parametrize("text", ["I think the.", "Er.", "Is it.", "Huh.", "Oh well.", "And then."])
def test_what_breaks_off_or_asks_back_or_is_amazed_is_no_answer(text: str) -> None:
    pieces = talk("What time did you get there then.", text)
    assert "spoken_answer" not in {piece.category for piece in pieces}


@pytest.mark.parametrize("text", ["No.", "Well."])
def test_who_contradicts_or_begins_does_not_only_listen(text: str) -> None:
    assert not talk("They all went home on the late bus.", text)


def test_nobody_answers_themselves_or_somebody_in_another_room() -> None:
    same = [TalkLine("one", "a", text, "", "cabnc") for text in ("Where is it then.", "There.")]
    apart = [
        TalkLine(room, speaker, text, "", "cabnc")
        for room, speaker, text in (
            ("one", "a", "Where is it then."),
            ("two", "b", "On the table."),
        )
    ]
    for lines in (same, apart):
        assert not list(talk_pieces(Corpora(talk=lines)))


def test_what_is_said_of_others_is_overheard() -> None:
    pieces = talk("Oh.", "So he said they had lost it on the train.")
    assert [(p.label, p.category) for p in pieces] == [(State.NON_QUERY, "background")]
    assert not talk("Oh.", "Could you tell her that they lost it on the train.")


def test_a_question_for_anybody_is_a_query_and_one_about_the_listener_is_left_out() -> None:
    pieces = talk("Oh.", "What size is the old bridge.")
    assert [(p.label, p.category) for p in pieces] == [(State.QUERY, "spoken_question")]
    assert not talk("Oh.", "What have you done with her coat.")


def test_answers_in_meetings_stand_behind_their_questions() -> None:
    lines = [
        MeetingLine("a", "so when is the next meeting?", "Q", "qw", "qw"),
        MeetingLine("b", "it's in june.", "S", "s", "s"),
    ]
    (piece,) = talk_pieces(Corpora(meetings=lines))
    assert (piece.text, piece.category, piece.source) == ("it's in june.", "spoken_answer", "mrda")


def test_a_message_that_names_somebody_is_for_them_alone() -> None:
    (piece,) = talk("nick7: did you restart the server", source="irc_ubuntu", addressee="nick7")
    name, rest = piece.text.split(": ", 1)
    assert name in FIRST_NAMES
    assert (rest, piece.label, piece.category) == (
        "did you restart the server", State.NON_QUERY, "aside",
    )  # fmt: skip
    (asked,) = talk("how do i mount a floppy drive?", source="irc_ubuntu")
    assert (asked.label, asked.category) == (State.QUERY, "spoken_question")
    assert not talk("see <url> for that", source="irc_ubuntu", addressee="")
