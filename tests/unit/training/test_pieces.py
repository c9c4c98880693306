"""What a corpus calls a command may be a request for silence, and the other way round."""

import pytest

from duologue.states import State
from duologue.training.corpora.records import Corpora, Query
from duologue.training.pieces import query_pieces


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("please be quiet for the next two hours", "audio_volume_mute"),
        ("Shut up!", "cancel"),
        ("silence", "audio_volume_mute"),
        ("i'm going to need you to be quiet now please", "whisper_mode"),
        ("don't speak for a while", "audio_volume_mute"),
    ],
)
def test_a_request_for_silence_is_one_whatever_its_intent(text: str, intent: str) -> None:
    (piece,) = query_pieces(Corpora(queries=[Query(text, intent, "slurp")]))
    assert (piece.label, piece.category) == (State.HOLD, "hold")


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("please don't speak so fast", "change_speed"),
        ("silent mode on for the next three hours", "audio_volume_mute"),
        ("please stop calling me dave, my name's bob", "change_user_name"),
        ("do not talk so loudly", "whisper_mode"),
        ("it's too quiet in here", "audio_volume_up"),
        ("quiet places to study near me", "find"),
        ("silence the alarm", "alarm_remove"),
        ("please stop the music", "play_music"),
        ("why do some parrots not talk", "qa"),
    ],
)
def test_a_request_to_speak_otherwise_is_a_command(text: str, intent: str) -> None:
    (piece,) = query_pieces(Corpora(queries=[Query(text, intent, "slurp")]))
    assert piece.label is State.QUERY


def test_what_is_called_off_is_no_category_unless_silence_is_asked_for() -> None:
    assert not list(query_pieces(Corpora(queries=[Query("undo this process", "cancel", "clinc")])))
