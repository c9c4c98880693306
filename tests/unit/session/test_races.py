"""What the client says while a slice is under way meets a decision that does not know of it."""

from duologue.events import SessionClose
from duologue.lane.judging import JudgingPatience
from duologue.lane.phase import ReplyPhase
from duologue.session.transcript import Outcome
from duologue.states import State
from tests.unit.session.stage import Setting, Stage, assistant, story, user

LONG = "I am quite well today, thank you for asking me."


def asked(text: str = "How are you?", *, replies: tuple[str, ...] = (LONG, "Second.")) -> Stage:
    """A slice with this text is under way."""
    stage = Stage(Setting(replies=replies))
    stage.say(text)
    assert stage.depart() is not None
    return stage


def speaking() -> Stage:
    stage = asked()
    stage.arrive()
    stage.tick(2)
    return stage


def test_one_slice_at_a_time() -> None:
    stage = asked()
    assert stage.session.is_busy
    assert stage.session.next_slice(1e6, 99) is None
    stage.arrive()
    assert not stage.session.is_busy


def test_text_that_comes_too_late_for_a_decision_begins_the_next_utterance() -> None:
    stage = asked()
    stage.say(" And who?")
    stage.arrive()
    assert stage.session.utterance == "And who?"
    stage.settle()
    assert [text for _, text in stage.states] == ["How are you?", "And who?"]
    assert stage.entries[0] == user("How are you?")
    assert stage.entries[2] == user("And who?")


def test_text_in_another_segment_too() -> None:
    stage = asked()
    stage.say("And who?", "b")
    stage.arrive()
    stage.settle()
    assert [text for _, text in stage.states] == ["How are you?", "And who?"]


def test_text_that_comes_during_an_undecided_slice_joins_the_utterance() -> None:
    stage = asked("How")
    stage.say(" are you?")
    stage.arrive()
    stage.settle()
    assert stage.states == [(State.INCOMPLETE, "How"), (State.QUERY, "How are you?")]


def test_an_event_tells_the_text_that_was_judged() -> None:
    stage = asked("How")
    stage.say(" are you?", "b")
    (told,) = stage.arrive()
    assert told.text == "How"  # type: ignore[union-attr]
    assert told.segment_ids == ("a",)  # type: ignore[union-attr]


def test_a_revision_during_the_slice_is_heard_as_a_correction() -> None:
    stage = asked("How are shoe?")
    stage.revise("How are you?")
    stage.arrive()
    stage.settle()
    assert [text for _, text in stage.states] == ["How are shoe?", "How are you?"]


def test_a_withdrawal_during_the_slice_comes_too_late() -> None:
    stage = asked()
    stage.revise("")
    stage.arrive()
    stage.settle()
    assert stage.entries == [user("How are you?"), assistant(LONG)]


def test_a_withdrawal_during_an_undecided_slice_clears_it() -> None:
    stage = asked("How")
    stage.revise("")
    stage.arrive()
    stage.settle()
    assert stage.states == [(State.INCOMPLETE, "How")]
    assert stage.engine.lane.input.tokens == []
    assert stage.session.is_silent


def test_text_that_comes_during_a_slice_of_silence() -> None:
    stage = Stage()
    stage.say("I wonder")
    stage.tick()
    stage.wait(6000)
    stage.depart()
    stage.say(" why this is so")
    assert story(stage.arrive())[0] == "query: I wonder"
    assert stage.session.utterance == "why this is so"
    stage.tick()
    assert stage.slices[-1].patience is JudgingPatience.NORMAL
    stage.settle()
    assert stage.states[-1] == (State.QUERY, "why this is so")


# Commits.


def test_a_commit_holds_for_text_that_the_slice_did_not_have() -> None:
    stage = asked()
    stage.say("I wonder", "b")
    stage.commit()
    stage.arrive()
    assert story(stage.tick())[0] == "query: I wonder"
    assert stage.slices[-1].patience is JudgingPatience.OUT


def test_a_commit_of_what_the_slice_had_does_not_hold_for_later_text() -> None:
    stage = asked()
    stage.commit()
    stage.say("I wonder", "b")
    stage.arrive()
    stage.tick()
    assert stage.slices[-1].patience is JudgingPatience.NORMAL


def test_a_commit_during_an_undecided_slice_decides_with_the_next() -> None:
    stage = asked("I wonder")
    stage.commit()
    assert story(stage.arrive()) == ["incomplete: I wonder"]
    assert story(stage.tick())[0] == "query: I wonder"


# Cancels.


def test_a_cancel_during_the_slice_that_starts_a_reply_is_not_about_it() -> None:
    stage = asked()
    stage.cancel()
    stage.arrive()
    stage.settle()
    assert stage.story[-1] == "1 done: stop"


def test_a_cancel_during_the_slice_that_interrupts_does_not_hit_the_next_reply() -> None:
    stage = speaking()
    stage.say("And who?", "b")
    stage.depart()
    stage.cancel()
    stage.arrive()
    assert stage.settle()[-1:] != []
    assert "1 done: interrupted" in stage.story
    assert stage.story[-1] == "2 done: stop"


def test_a_cancel_during_the_slice_that_ends_the_reply_does_not_hit_the_next() -> None:
    stage = Stage(Setting(replies=("Very well.", LONG)), reply_tokens_per_slice=8)
    stage.say("How are you?")
    stage.tick()
    stage.wait()
    stage.depart()
    stage.cancel()
    assert story(stage.arrive())[-1] == "1 done: stop"
    stage.say("And who?", "b")
    stage.settle()
    assert stage.story[-1] == "2 done: stop"
    assert stage.shown(2) == LONG


def test_a_cancel_during_a_slice_of_speech_ends_the_reply_with_the_next() -> None:
    stage = speaking()
    stage.depart()
    stage.cancel()
    stage.arrive()
    shown = stage.shown(1)
    assert story(stage.settle()) == ["1 done: cancelled"]
    assert stage.entries[1] == assistant(shown, Outcome.CUT)
    assert f"[reply: {shown}]" in stage.trunk


# Reports of playback.


def held() -> Stage:
    """The first reply is generated and was heard up to "I am"."""
    stage = asked()
    stage.arrive()
    stage.ack(1, 4)
    stage.tick(14)
    assert stage.session.lane.phase is ReplyPhase.FINISHED
    return stage


def test_a_report_during_the_slice_that_cuts_counts() -> None:
    """It was on its way; the trunk is put right with the next slice."""
    stage = held()
    stage.say("And who?", "b")
    stage.depart()
    stage.ack(1, 10)
    assert story(stage.arrive())[1] == "1 interrupted at 10"
    assert stage.entries[1] == assistant("I am quite", Outcome.CUT)
    stage.settle()
    assert "[reply: I am quite][user: And who?]" in stage.trunk
    assert stage.shown(2) == "Second."


def test_a_report_during_the_slice_that_cancels_comes_too_late() -> None:
    stage = held()
    stage.cancel()
    stage.depart()
    stage.ack(1, len(LONG))
    stage.arrive()
    assert stage.entries[1] == assistant("I am", Outcome.CUT)
    assert stage.trunk == "[user: How are you?][reply: I am]"


def test_a_correcting_report_during_the_slice_that_ends_comes_too_late() -> None:
    stage = held()
    stage.ack(1, len(LONG))
    stage.depart()
    stage.ack(1, 2)
    stage.arrive()
    assert stage.entries[1] == assistant(LONG)
    assert stage.trunk == f"[user: How are you?][reply: {LONG}]"


def test_the_first_report_during_the_slice_that_ends_comes_too_late() -> None:
    """The slice left without the wish to hold the reply."""
    stage = Stage(Setting(replies=("Very well.",)), reply_tokens_per_slice=8)
    stage.say("How are you?")
    stage.tick()
    stage.wait()
    stage.depart()
    stage.ack(1, 2)
    assert story(stage.arrive())[-1] == "1 done: stop"
    assert stage.session.lane.phase is ReplyPhase.NONE
    assert stage.entries[1] == assistant("Very well.")


def test_the_first_report_during_the_slice_that_starts_a_reply_holds_it() -> None:
    stage = Stage(Setting(replies=("Very well.", "Second.")))
    stage.say("How are you?")
    stage.settle()
    stage.say("And who?", "b")
    stage.depart()
    stage.ack(1, 3)
    stage.arrive()
    stage.tick(10)
    assert stage.session.lane.phase is ReplyPhase.FINISHED
    stage.say("Or else?", "c")
    assert "2 interrupted at 0" in story(stage.tick())


# Closing.


def test_a_slice_that_comes_back_after_the_close_is_still_recorded() -> None:
    stage = asked()
    stage.send(SessionClose())
    assert stage.arrive() == []
    assert stage.session.lane.is_speaking, "what the engine did has happened to the lane"
    assert stage.session.usage.slices == 1
    assert stage.depart() is None
