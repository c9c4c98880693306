"""A session that writes down what happens to it: single cases."""

from typing import Any

import pytest

from duologue.errors import CapacityExceeded, InvalidInput, KVMemoryExhausted, SessionOver
from duologue.events import (
    InputAppend,
    ResponseCancel,
    ResponseDone,
    SessionClose,
    SessionClosed,
)
from duologue.lane.lane import Lane
from duologue.lane.steps import EndReason
from duologue.session.chronicle import Chronicle
from duologue.session.lasting import LastingSession
from duologue.session.records import Abandoned, Arrived, Departed, Received
from duologue.session.transcript import Outcome, Role
from duologue.session_config import SessionConfig
from duologue.session_record import TranscriptEdit
from tests.unit.session.recorded import RecordedStage, fingerprint
from tests.unit.session.scripted_engine import Script
from tests.unit.session.stage import Setting, Stage, assistant, chat_of, user
from tests.unit.text.tiny_tokenizers import byte_level

REPLY = "The weather is fine, and it will stay so for the whole of the week."


def new_chronicle(recent_events: int = 512) -> Chronicle:
    return Chronicle(LastingSession("session", Stage().setup), recent_events=recent_events)


class Reciter(Script):
    """Knows from the lane alone how far it has come, as models do."""

    def speak(self, lane: Lane) -> int:
        tokens, place = self.tokens(lane.num_replies), lane.num_reply_tokens
        return tokens[place] if place < len(tokens) else self.stop_token


def asked(**decoding: Any) -> RecordedStage:
    tokenizer = byte_level()
    (stop_token,) = chat_of(tokenizer).stop_tokens
    stage = RecordedStage(model=Reciter(tokenizer, stop_token, (REPLY,)), **decoding)
    stage.say("How is it?")
    return stage


# Client events are counted.


def test_a_client_event_that_comes_twice_is_taken_once() -> None:
    chronicle = new_chronicle()
    chronicle.receive(1, InputAppend("a", "one"), 0.0, 0)
    assert chronicle.receive(1, InputAppend("a", "one"), 5.0, 0) == []
    assert chronicle.session.utterance == "one"
    assert len(chronicle.take_records()) == 1


def test_a_gap_is_refused_and_changes_nothing() -> None:
    chronicle = new_chronicle()
    chronicle.receive(1, InputAppend("a", "one"), 0.0, 0)
    before = fingerprint(chronicle, 0.0)
    with pytest.raises(InvalidInput, match=r"client_seq must be 2, .* not 3"):
        chronicle.receive(3, InputAppend("a", " three"), 0.0, 0)
    assert fingerprint(chronicle, 0.0) == before
    assert len(chronicle.take_records()) == 1
    chronicle.receive(2, InputAppend("a", " two"), 0.0, 0)
    assert chronicle.session.utterance == "one two"


def test_what_the_session_refuses_is_counted_all_the_same() -> None:
    chronicle = new_chronicle()
    (refused,) = chronicle.receive(1, ResponseCancel(7), 0.0, 0)
    assert (refused.server_seq, chronicle.last_client_seq) == (1, 1)
    assert chronicle.events_after(0) == [(refused, 1)]


# What is written down.


def test_every_call_that_changes_something_leaves_a_record() -> None:
    chronicle = new_chronicle()
    assert chronicle.next_slice(0.0, 0) is None
    assert chronicle.abandon(0.0) == []
    assert chronicle.take_records() == ()
    chronicle.receive(1, InputAppend("a", "one"), 0.0, 0)
    chronicle.next_slice(1.0, 0)
    chronicle.abandon(2.0)
    said, left, lost = chronicle.take_records()
    assert said == Received(1, InputAppend("a", "one"), 0.0, 0)
    assert (left, lost) == (Departed(1.0, 0), Abandoned(2.0))


@pytest.mark.parametrize(
    "records",
    [
        [Received(2, InputAppend("a", "x"), 0.0, 0)],
        [Departed(0.0, 0)],
        [Abandoned(0.0)],
        [Received(1, InputAppend("a", "x"), 0.0, 0), Departed(0.0, 0), Departed(1.0, 1)],
    ],
    ids=["gap", "nothing to do", "nothing under way", "two at once"],
)
def test_a_journal_that_cannot_have_happened_is_refused(
    records: list[Received | Departed | Abandoned],
) -> None:
    chronicle = new_chronicle()
    with pytest.raises(InvalidInput, match="does not follow from those before it"):
        chronicle.replay(1, records)


def test_a_result_of_another_slice_is_no_part_of_a_journal() -> None:
    stage = asked()
    stage.tick()
    chronicle = new_chronicle()
    chronicle.replay(1, [Received(1, InputAppend("a", "x"), 0.0, 0), Departed(0.0, 99)])
    with pytest.raises(InvalidInput, match="does not follow"):
        chronicle.replay(1, [Arrived(stage.results[0], 0.0)])


def test_events_of_a_replay_have_the_epoch_in_which_they_happened() -> None:
    stage = asked()
    stage.tick(2)
    again = stage.restored(epoch=9)
    assert {envelope.epoch for envelope, _ in again.events_after(0)} == {1}
    assert again.session.epoch == 9


# What clients that resume are told.


def test_a_client_gets_what_it_has_not_seen() -> None:
    stage = asked()
    stage.settle()
    told = stage.chronicle.events_after(3)
    assert [envelope.server_seq for envelope, _ in told] == list(range(4, len(stage.events) + 1))
    assert stage.chronicle.events_after(len(stage.events)) == []


def test_a_client_that_saw_more_than_there_is_is_told_so() -> None:
    with pytest.raises(InvalidInput, match="last_server_seq must be from 0 to 0"):
        new_chronicle().events_after(1)


def test_events_that_are_not_kept_any_more_cannot_be_told() -> None:
    chronicle = new_chronicle(recent_events=2)
    for number in range(1, 5):
        chronicle.receive(number, ResponseCancel(7), 0.0, 0)
    assert [envelope.server_seq for envelope, _ in chronicle.events_after(2)] == [3, 4]
    with pytest.raises(CapacityExceeded, match="the 3 events after 1 are not kept"):
        chronicle.events_after(1)


# Checkpoints.


def test_only_a_silent_session_makes_a_checkpoint() -> None:
    stage = asked()
    assert stage.chronicle.checkpoint() is None, "something to hear"
    stage.depart()
    assert stage.chronicle.checkpoint() is None, "a slice is under way"
    stage.arrive()
    assert stage.chronicle.checkpoint() is None, "something to say"
    stage.settle()
    assert stage.chronicle.checkpoint() is not None


def test_none_is_made_while_a_decision_is_being_taken_back() -> None:
    stage = asked(continues_within_ms=800)
    stage.tick(1)
    stage.say(" In Paris?")
    assert stage.chronicle.checkpoint() is None


def test_none_is_made_before_what_it_stands_for_was_taken() -> None:
    chronicle = new_chronicle()
    chronicle.receive(1, ResponseCancel(7), 0.0, 0)
    assert chronicle.checkpoint() is None
    chronicle.take_records()
    assert chronicle.checkpoint() is not None


def test_a_decision_can_be_taken_back_after_a_checkpoint() -> None:
    stage = RecordedStage(continues_within_ms=800)
    stage.say("well mhm")
    stage.tick()
    stage.keep_checkpoint()
    stage.crash()
    assert stage.num_checkpoints == 1
    stage.say(" so how are you?")
    stage.settle()
    assert stage.transcript_kept[0].text == "well mhm so how are you?"
    assert len(stage.transcript_kept) == 2


def test_a_commit_before_the_words_outlives_a_checkpoint() -> None:
    """The words it was about were taken back before they were heard."""
    stages = [RecordedStage(), RecordedStage()]
    for stage in stages:
        stage.say("something")
        stage.commit()
        stage.revise("")
        stage.tick()
    stages[1].keep_checkpoint()
    assert stages[1].num_checkpoints == 1
    stages[1].crash()
    for stage in stages:
        stage.say("la", "b")
        stage.settle()
    assert stages[0].slices == stages[1].slices


def test_a_refusal_for_want_of_room_still_waits_after_a_checkpoint() -> None:
    stage = RecordedStage()
    stage.say("how")
    stage.wait()
    stage.refuse(KVMemoryExhausted("no room, not even to hear it"))
    stage.revise("")
    stage.keep_checkpoint()
    assert stage.num_checkpoints == 1
    stage.crash()
    stage.say("How is it?", "b")
    assert stage.tick(2) == [], "a second has not passed"
    assert stage.settle()


def test_a_transcript_is_kept_in_small_changes() -> None:
    stage = asked()
    stage.tick(2)
    stage.say("And now?", "b")
    stage.settle()
    assert stage.transcript_kept == stage.session.transcript
    stage.keep_checkpoint()
    assert (len(stage.chronicle.transcript), stage.chronicle.num_earlier_entries) == (2, 2)
    stage.say("mhm", "c")
    stage.settle()
    assert len(stage.transcript_kept) == 5
    assert stage.chronicle.take_transcript_edit() is None


def test_a_change_of_the_transcript_says_what_stays() -> None:
    stage = asked(continues_within_ms=800)
    now_ms = stage.clock.now_ms
    stage.settle()
    edits: list[TranscriptEdit | None] = []
    stage.say("mhm", "b")
    stage.tick()
    chronicle = stage.chronicle
    chronicle.receive(3, InputAppend("b", " right"), now_ms(), stage.tick_number)
    edits.append(chronicle.take_transcript_edit())
    assert edits == [TranscriptEdit(2, ())]


# Slices that never come back.


@pytest.mark.parametrize("lost_at", range(1, 14))
def test_a_reply_goes_on_word_for_word_at_another_batcher(lost_at: int) -> None:
    stage = asked(reply_tokens_per_slice=2)
    for number in range(1, 16):
        stage.wait()
        assert stage.depart() is not None
        if number == lost_at:
            stage.take_over()
        else:
            stage.arrive()
    stage.settle()
    assert stage.num_abandoned == 1
    assert stage.shown(1) == REPLY
    assert stage.entries == [user("How is it?"), assistant(REPLY)]


def test_an_utterance_that_was_lost_with_its_slice_is_judged_again() -> None:
    """Also when only its patience had run out, which happens once."""
    stage = RecordedStage()
    stage.say("and then please")
    stage.tick()
    stage.wait(stage.setup.decoding.reconsider_after_ms)
    assert stage.depart() is not None
    stage.lose_batcher()
    stage.tick()
    assert stage.states[-1][1] == "and then please"
    assert stage.session.response is not None


# Settings that change, and the end.


def test_other_settings_hold_from_the_next_slice_on() -> None:
    stage = asked()
    stage.depart()
    stage.change(SessionConfig(reply_tokens_per_slice=2, look_ahead_tokens=3, temperature=0.5))
    stage.arrive()
    stage.tick()
    assert [work.reply_tokens for work in stage.slices] == [4, 2]
    assert stage.session.setup.profile.sampling.temperature == 0.5
    stage.crash()


def test_what_is_fixed_cannot_be_changed() -> None:
    stage = asked()
    (error,) = stage.change(SessionConfig(system_prompt="Be rude."))
    assert "config.system_prompt is fixed when the session is created" in str(error)
    assert stage.session.setup == stage.setup


def test_a_reply_keeps_the_stop_strings_it_began_with() -> None:
    stage = RecordedStage(Setting(replies=(REPLY,), stop_strings=("stay",)))
    stage.say("How is it?")
    stage.tick()
    stage.change(SessionConfig(stop_strings=("week",)))
    stage.settle()
    assert stage.shown(1) == REPLY[: REPLY.index("stay")]
    assert REPLY[REPLY.index("stay") :] not in stage.trunk
    stage.say("And again?", "b")
    stage.settle()
    assert stage.shown(2) == REPLY[: REPLY.index("week")]


def test_stop_strings_that_come_during_the_slice_of_the_query_are_for_the_next_reply() -> None:
    stage = RecordedStage(Setting(replies=("Yes.",)))
    stage.say("How is it?")
    stage.wait()
    stage.depart()
    stage.change(SessionConfig(stop_strings=("e",)))
    stage.arrive()
    stage.settle()
    assert stage.shown(1) == "Yes."
    assert stage.trunk.endswith("[reply: Yes.]")


def test_closing_is_the_last_thing_that_is_told() -> None:
    stage = asked()
    stage.tick(3)
    heard = stage.shown(1)
    assert stage.send(SessionClose()) == [ResponseDone(1, EndReason.CANCELLED), SessionClosed()]
    assert stage.depart() is None
    assert stage.transcript_kept[-1].text == heard
    assert stage.transcript_kept[-1].role is Role.ASSISTANT
    assert stage.transcript_kept[-1].outcome is Outcome.CUT
    with pytest.raises(SessionOver, match="session session is closed"):
        stage.say("more", "b")
    assert stage.chronicle.checkpoint() is None
    stage.crash()
    assert stage.session.is_closed


def test_what_comes_back_after_the_close_is_told_to_nobody() -> None:
    stage = asked()
    stage.depart()
    stage.send(SessionClose())
    assert stage.arrive() == []
    stage.crash()


def test_the_last_client_event_may_be_repeated_after_the_close() -> None:
    stage = asked()
    stage.send(SessionClose())
    assert stage.chronicle.receive(2, SessionClose(), 0.0, 0) == []


# Use.


def test_use_is_counted_in_tokens_and_slices() -> None:
    stage = asked()
    stage.settle()
    used = stage.chronicle.usage
    tokenizer = stage.setup.tokenizer
    assert used.input_tokens == len(tokenizer.encode("How is it?"))
    assert used.output_tokens == len(tokenizer.encode(REPLY))
    assert used.slices == len(stage.slices)
    stage.crash()
    stage.keep_checkpoint()
    stage.crash()
    assert stage.chronicle.usage == used
