"""A session that writes down what happens to it: single cases."""

import pytest

from duologue.errors import CapacityExceeded, InvalidInput, SessionEnded
from duologue.events import (
    InputAppend,
    ResponseCancel,
    ResponseDone,
    SessionClose,
    SessionClosed,
)
from duologue.lane.steps import EndReason
from duologue.session.records import Abandoned, Arrived, Departed, Elapsed, Received, Record
from duologue.session.transcript import Outcome, Role
from duologue.session_config import SessionConfig
from tests.unit.session.chronicles import REPLY, asked, new_chronicle, records_of
from tests.unit.session.recorded import RecordedStage, fingerprint
from tests.unit.session.stage import Setting, assistant, user

# Client events are counted.


def test_a_client_event_that_comes_twice_is_taken_once() -> None:
    chronicle = new_chronicle()
    chronicle.receive(1, InputAppend("a", "one"), 0.0, 0)
    assert chronicle.receive(1, InputAppend("a", "one"), 5.0, 0) == []
    assert chronicle.session.utterance == "one"
    assert len(records_of(chronicle)) == 1


def test_a_gap_is_refused_and_changes_nothing() -> None:
    chronicle = new_chronicle()
    chronicle.receive(1, InputAppend("a", "one"), 0.0, 0)
    before = fingerprint(chronicle, 0.0)
    with pytest.raises(InvalidInput, match=r"client_seq must be 2, .* not 3"):
        chronicle.receive(3, InputAppend("a", " three"), 0.0, 0)
    assert fingerprint(chronicle, 0.0) == before
    assert len(records_of(chronicle)) == 1
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
    assert records_of(chronicle) == ()
    chronicle.receive(1, InputAppend("a", "one"), 0.0, 0)
    chronicle.next_slice(1.0, 0)
    chronicle.elapse(1.5, 0)
    chronicle.abandon(2.0)
    said, left, time, lost = records_of(chronicle)
    assert said == Received(1, InputAppend("a", "one"), 0.0, 0)
    assert (left, time, lost) == (Departed(1.0, 0), Elapsed(1.5, 0), Abandoned(2.0))


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
    records: list[Record],
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
    with pytest.raises(SessionEnded, match="session session is closed"):
        stage.say("more", "b")
    stage.keep_checkpoint()
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
