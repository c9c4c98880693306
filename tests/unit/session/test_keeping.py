"""What a chronicle wants kept, and when: entries, checkpoints, and nothing shown before."""

from duologue.errors import KVMemoryExhausted
from duologue.events import InputAppend, ResponseCancel
from duologue.session.chronicle import (
    MAX_PENDING_CHARS,
    MAX_PENDING_RECORDS,
    Checkpoint,
    Chronicle,
    JournalEntry,
)
from duologue.session.session import Session
from duologue.session_record import TranscriptEdit
from tests.unit.session.chronicles import REPLY, asked, new_chronicle, records_of
from tests.unit.session.recorded import RecordedStage
from tests.unit.session.stage import Stage


def test_a_session_is_first_of_all_kept_as_it_begins() -> None:
    """With its terms: they hold for what is played again on it, whatever is set by then."""
    chronicle = Chronicle(Session("session", Stage().setup))
    chronicle.receive(1, InputAppend("a", "one"), 0.0, 0)
    first = chronicle.next_write()
    assert isinstance(first, Checkpoint)
    assert first.state.terms == chronicle.session.setup.terms
    assert (first.state.utterance.text, first.last_client_seq) == ("", 0)
    assert chronicle.kept() is False, "there is nothing to show yet"
    entry = chronicle.next_write()
    assert isinstance(entry, JournalEntry)
    assert (entry.server_seq, entry.client_seq) == (0, 1)


def test_one_write_is_under_way_and_what_happens_meanwhile_is_one_entry() -> None:
    chronicle = new_chronicle()
    chronicle.receive(1, InputAppend("a", "one"), 0.0, 0)
    first = chronicle.next_write()
    assert isinstance(first, JournalEntry)
    for number in range(2, 7):
        chronicle.receive(number, ResponseCancel(7), 0.0, 0)
    assert chronicle.is_writing
    assert chronicle.next_write() is None
    assert not chronicle.kept()
    assert len(records_of(chronicle)) == 5
    assert chronicle.is_clean
    assert chronicle.num_entries == 2


def test_nothing_counts_as_shown_before_it_is_kept() -> None:
    def progress() -> tuple[bool, int, int]:
        return (chronicle.has_events, chronicle.shown_seq, chronicle.kept_client_seq)

    chronicle = new_chronicle()
    chronicle.receive(1, ResponseCancel(7), 0.0, 0)
    assert progress() == (True, 0, 0)
    chronicle.next_write()
    assert progress() == (False, 0, 0), "they are being kept"
    assert chronicle.kept() is True
    assert progress() == (False, 1, 1)


def test_too_much_that_waits_is_told() -> None:
    chronicle = new_chronicle()
    number = 0
    while not chronicle.is_full:
        number += 1
        chronicle.receive(number, ResponseCancel(7), 0.0, 0)
    assert number == MAX_PENDING_RECORDS
    records_of(chronicle)
    assert not chronicle.is_full


def test_text_that_waits_counts_by_its_length() -> None:
    chronicle = new_chronicle()
    chronicle.receive(1, InputAppend("a", "x" * MAX_PENDING_CHARS), 0.0, 0)
    assert chronicle.is_full
    records_of(chronicle)
    assert not chronicle.is_full


# Checkpoints.


def test_a_checkpoint_is_made_at_any_moment() -> None:
    stage = asked()
    moments = (stage.depart, stage.arrive, stage.tick, stage.settle)
    for number, moment in enumerate(moments, start=1):
        moment()
        stage.keep_checkpoint()
        assert stage.num_checkpoints == number
        stage.crash()
    assert stage.shown(1) == REPLY


def test_none_is_made_when_nothing_happened_since_the_last() -> None:
    stage = asked()
    stage.keep_checkpoint()
    stage.keep_checkpoint()
    assert stage.num_checkpoints == 1
    assert new_chronicle().next_checkpoint() is None


def test_none_is_made_before_what_it_stands_for_was_kept() -> None:
    chronicle = new_chronicle()
    chronicle.receive(1, ResponseCancel(7), 0.0, 0)
    assert chronicle.next_checkpoint() is None
    chronicle.next_write()
    assert chronicle.next_checkpoint() is None
    chronicle.kept()
    assert chronicle.next_checkpoint() is not None


def test_one_is_due_after_so_many_entries() -> None:
    chronicle = new_chronicle(max_entries=3)
    for number in range(1, 4):
        chronicle.receive(number, ResponseCancel(7), 0.0, 0)
        records_of(chronicle)
    assert isinstance(chronicle.next_write(), Checkpoint)
    chronicle.kept()
    assert chronicle.num_entries == 0
    assert chronicle.next_write() is None


def test_a_decision_that_is_being_taken_back_is_so_after_a_checkpoint_too() -> None:
    stage = asked(continues_within_ms=800)
    stage.tick(1)
    stage.say(" In Paris?")
    stage.keep_checkpoint()
    stage.crash()
    stage.settle()
    assert stage.transcript_kept == stage.session.transcript
    assert stage.transcript_kept[0].text == "How is it? In Paris?"


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
    state = stage.session.state
    assert (len(state.transcript), state.num_earlier_entries) == (3, 1), (
        "all but what it may take back"
    )
    stage.say("mhm", "c")
    stage.settle()
    assert len(stage.transcript_kept) == 5
    assert stage.transcript_kept[1:] == stage.session.transcript


def test_a_change_of_the_transcript_says_what_stays() -> None:
    stage = asked(continues_within_ms=800)
    now_ms = stage.clock.now_ms
    stage.settle()
    stage.say("mhm", "b")
    stage.tick()
    chronicle = stage.chronicle
    chronicle.receive(3, InputAppend("b", " right"), now_ms(), stage.tick_number)
    entry = chronicle.next_write()
    assert isinstance(entry, JournalEntry)
    assert entry.transcript == TranscriptEdit(2, ())
