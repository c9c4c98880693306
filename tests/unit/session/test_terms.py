"""A session keeps the terms that it began with, wherever and whenever it comes to life again."""

import json
from dataclasses import replace

import pytest

from duologue.errors import ModelUnavailable
from duologue.floor_settings import FloorSettings, ListeningSettings
from duologue.session.chronicle import Checkpoint, Chronicle
from duologue.session.session import Session
from duologue.session_config import SessionConfig
from duologue.v1 import journal_pb2
from duologue.wire.checkpoints import checkpoint_from_bytes
from tests.unit.session.recorded import SESSION_ID, RecordedStage, fingerprint
from tests.unit.session.scenes import LONG, REPLIES
from tests.unit.session.scripted_engine import Reciter
from tests.unit.session.stage import CONFIRMED, Setting, chat_of, story
from tests.unit.session.test_chronicle_properties import other_setup
from tests.unit.text.tiny_tokenizers import byte_level

UPDATE = SessionConfig(
    floor="eager", reports_playback=True, reply_tokens_per_slice=2, stop_strings=("asking",)
)


def conversation(floor: FloorSettings = CONFIRMED) -> RecordedStage:
    """A reply is under way, and a query that may cut it waits to be confirmed."""
    tokenizer = byte_level()
    (stop_token,) = chat_of(tokenizer).stop_tokens
    setting = Setting(
        replies=REPLIES, floor=floor, listening=ListeningSettings(noise_tags=("sneeze",))
    )
    model = Reciter(tokenizer, stop_token, REPLIES)
    stage = RecordedStage(setting, model=model, continues_within_ms=1200)
    stage.say("How [sneeze] are you?")
    stage.tick(5)
    stage.say("And who?", "b")
    stage.tick()
    return stage


def lives_elsewhere(stage: RecordedStage) -> None:
    """Brought back where all is set otherwise, the session is the same, and goes on so."""
    other = other_setup(stage.first_setup)
    again = stage.restored(stage.session.epoch, other)
    now_ms = stage.clock.now_ms()
    assert fingerprint(again, now_ms) == fingerprint(stage.chronicle, now_ms)
    stage.first_setup = other
    stage.crash()


@pytest.mark.parametrize("has_checkpoint", [True, False])
def test_a_session_is_the_same_under_other_settings(has_checkpoint: bool) -> None:
    stayed, moved = conversation(), conversation()
    if has_checkpoint:
        moved.keep_checkpoint()
    lives_elsewhere(moved)
    for stage in (stayed, moved):
        stage.settle()
        stage.say("hush [sneeze]", "c")
        stage.settle()
    assert moved.envelopes == stayed.envelopes
    assert moved.slices == stayed.slices
    assert moved.transcript_kept == stayed.transcript_kept


def test_from_its_first_moment_on() -> None:
    """Nothing happened yet, but its beginning is kept."""
    made = Chronicle(Session(SESSION_ID, conversation().first_setup))
    beginning = made.next_write()
    assert isinstance(beginning, Checkpoint)
    assert beginning.state.terms == made.session.setup.terms
    elsewhere = Chronicle.restore(other_setup(made.session.setup), SESSION_ID, 1, beginning)
    assert elsewhere.session.setup == made.session.setup


@pytest.mark.parametrize("has_checkpoint", [True, False])
def test_what_the_client_changed_stays_changed(has_checkpoint: bool) -> None:
    stage = conversation()
    assert stage.change(UPDATE) != [] or stage.session.setup.floor.mode == "eager"
    if has_checkpoint:
        stage.keep_checkpoint()
    lives_elsewhere(stage)
    setup = stage.session.setup
    assert setup.floor == replace(CONFIRMED, mode="eager")
    assert setup.reports_playback
    assert setup.decoding.reply_tokens_per_slice == 2
    assert setup.sampling.stop_strings == ("asking",)
    assert setup.listening.noise_tags == ("sneeze",)


def test_a_reply_that_is_held_is_shown_when_the_client_wants_no_waiting() -> None:
    stage = RecordedStage(Setting(replies=REPLIES, floor=CONFIRMED))
    stage.say("How are you?")
    stage.tick()
    assert "1 starts" in story(stage.change(SessionConfig(floor="eager")))


def test_replies_wait_from_then_on_when_the_client_wants_it() -> None:
    stage = RecordedStage(Setting(replies=REPLIES))
    stage.change(SessionConfig(floor="confirmed"))
    stage.crash()
    stage.say("How are you?")
    assert story(stage.tick()) == ["query: How are you?"]
    stage.settle()
    assert stage.shown(1) == LONG


def test_a_report_says_for_good_that_the_client_reports() -> None:
    stage = conversation()
    stage.ack(1, 3)
    lives_elsewhere(stage)
    assert stage.session.setup.reports_playback


@pytest.mark.parametrize("has_checkpoint", [True, False])
def test_a_session_goes_on_with_its_own_words_only(has_checkpoint: bool) -> None:
    stage = conversation()
    if has_checkpoint:
        stage.keep_checkpoint()
    other_words = replace(stage.first_setup, words_digest="other")
    with pytest.raises(ModelUnavailable, match="begun with the tokenizer and chat format ''"):
        stage.restored(2, other_words)
    assert stage.checkpoint is not None
    kept = checkpoint_from_bytes(stage.checkpoint)
    assert kept.state.terms.words_digest == stage.first_setup.words_digest


def test_a_session_of_before_keeps_the_pauses_of_then() -> None:
    stage = conversation()
    stage.keep_checkpoint()
    assert stage.checkpoint is not None
    message = journal_pb2.Checkpoint.FromString(stage.checkpoint)
    state = json.loads(message.session)
    floor = state["terms"]["floor"]
    del floor["confirm_slow_ms"], floor["confirm_first_word_ms"]
    message.session = json.dumps(state)
    kept = checkpoint_from_bytes(message.SerializeToString()).state.terms.floor
    assert kept.confirm_slow_ms == kept.confirm_after_ms == floor["confirm_after_ms"]
    assert kept.confirm_first_word_ms == 0
