"""A conversation as the client sees it: queries, interruptions, backchannels, calls for silence."""

from typing import Any

import pytest

from duologue.floor_settings import ListeningSettings
from duologue.session.transcript import Outcome
from duologue.states import State
from tests.unit.session.stage import Setting, Stage, assistant, story, user

LONG = "I am quite well today, thank you for asking me."


def speaking(**decoding: Any) -> Stage:
    """The assistant is in the midst of a long reply to "How are you?"; "I am quite " was shown."""
    stage = Stage(Setting(replies=(LONG, "Second.")), **decoding)
    stage.say("How are you?")
    stage.tick(2)
    assert stage.shown(1) == "I am quite "
    return stage


def test_a_query_is_answered() -> None:
    stage = Stage(Setting(replies=("Very well.",)))
    stage.say("How are you?")
    stage.settle()
    assert stage.story == [
        "query: How are you?",
        "1 starts",
        "1 says: Very well.",
        "1 done: stop",
    ]
    assert stage.entries == [user("How are you?"), assistant("Very well.")]
    assert stage.trunk == "[user: How are you?][reply: Very well.]"
    assert stage.session.is_silent


def test_a_query_that_comes_in_pieces_is_answered_at_its_end() -> None:
    stage = Stage(Setting(replies=("Very well.",)))
    for piece in ("Ho", "w are", " yo", "u?"):
        stage.say(piece)
        stage.tick()
    assert stage.states == [
        (State.INCOMPLETE, "Ho"),
        (State.INCOMPLETE, "How are"),
        (State.INCOMPLETE, "How are yo"),
        (State.QUERY, "How are you?"),
    ]
    stage.settle()
    assert stage.trunk == "[user: How are you?][reply: Very well.]"


def test_only_the_changed_end_of_the_text_is_sent() -> None:
    stage = Stage()
    tokens = stage.setup.tokenizer.encode
    stage.say("What is the")
    stage.tick()
    stage.say(" weather")
    stage.tick()
    first, second = (work.edit for work in stage.slices)
    assert first is not None
    assert second is not None
    assert (first.keep, list(first.append)) == (0, tokens("What is the"))
    assert (second.keep, list(second.append)) == (
        len(tokens("What is the")),
        tokens(" weather"),
    )


def test_events_name_the_segments_that_were_judged() -> None:
    stage = Stage()
    stage.say("How", "a")
    stage.say("are you?", "b")
    stage.say("", "c")
    judged = stage.tick()[0]
    assert judged.segment_ids == ("a", "b")  # type: ignore[union-attr]
    assert judged.text == "How are you?"  # type: ignore[union-attr]


def test_the_envelopes_say_when_and_under_whom() -> None:
    stage = Stage()
    stage.wait(1000)
    stage.say("How are you?")
    stage.tick()
    assert [envelope.server_seq for envelope in stage.envelopes] == [1, 2, 3]
    assert {envelope.tick for envelope in stage.envelopes} == {stage.tick_number}
    assert {envelope.epoch for envelope in stage.envelopes} == {1}


def test_a_query_that_is_found_by_looking_ahead() -> None:
    stage = Stage(Setting(replies=("Well.",), ahead="?"), look_ahead_tokens=2)
    stage.say("How are you")
    judged = stage.tick()[0]
    assert judged.look_ahead_tokens == 1  # type: ignore[union-attr]
    assert judged.text == "How are you"  # type: ignore[union-attr]
    stage.settle()
    assert stage.trunk == "[user: How are you][reply: Well.]"


def test_an_interruption_keeps_what_was_shown() -> None:
    stage = speaking(promotion="rebase")
    stage.say("And who are you?", "b")
    told = stage.tick()
    assert story(told)[:4] == [
        "query: And who are you?",
        "1 interrupted at 11",
        "1 done: interrupted",
        "2 starts",
    ]
    stage.settle()
    assert stage.shown(1) == "I am quite "
    assert stage.trunk == (
        "[user: How are you?][reply: I am quite ][user: And who are you?][reply: Second.]"
    )
    assert stage.entries == [
        user("How are you?"),
        assistant("I am quite ", Outcome.CUT),
        user("And who are you?"),
        assistant("Second."),
    ]


def test_an_interruption_by_branch_drops_the_cut_reply() -> None:
    stage = speaking(promotion="branch")
    stage.say("And who are you?", "b")
    assert story(stage.tick())[1:3] == ["1 interrupted at 0", "1 done: interrupted"]
    stage.settle()
    assert stage.trunk == "[user: How are you?][user: And who are you?][reply: Second.]"


def test_of_a_reply_that_was_cut_before_its_first_word_nothing_is_told() -> None:
    stage = Stage(Setting(replies=(LONG, "Second.")), reply_tokens_per_slice=1)
    stage.say("How are you?")
    stage.tick()
    assert stage.shown(1) == ""
    stage.say("Or rather, who?", "b")
    stage.settle()
    assert stage.story == [
        "query: How are you?",
        "query: Or rather, who?",
        "1 starts",
        "1 says: Second.",
        "1 done: stop",
    ]
    assert stage.trunk == "[user: How are you?][user: Or rather, who?][reply: Second.]"


def test_a_reply_goes_on_unchanged_over_a_backchannel() -> None:
    undisturbed = speaking()
    undisturbed.settle()
    stage = speaking()
    stage.say("mhm", "b")
    told = story(stage.tick())
    assert told == ["non_query: mhm", "1 resumes", "1 says: well today"]
    stage.settle()
    assert stage.shown(1) == undisturbed.shown(1) == LONG
    assert stage.session.lane.trunk.tokens == undisturbed.session.lane.trunk.tokens
    assert stage.entries == [
        user("How are you?"),
        user("mhm", Outcome.IGNORED),
        assistant(LONG),
    ]


def test_a_backchannel_in_silence_resumes_nothing() -> None:
    stage = Stage()
    stage.say("mhm")
    stage.settle()
    assert stage.story == ["non_query: mhm"]
    assert stage.trunk == ""
    assert stage.session.is_silent


def test_a_backchannel_with_the_last_words_of_a_reply_resumes_nothing() -> None:
    stage = Stage(Setting(replies=("Very well.",)), reply_tokens_per_slice=8)
    stage.say("How are you?")
    stage.tick()
    stage.say("mhm", "b")
    assert story(stage.tick()) == ["1 says: l.", "1 done: stop", "non_query: mhm"]


def test_a_reply_goes_on_while_the_user_is_undecided() -> None:
    stage = speaking()
    stage.say("well", "b")
    stage.settle()
    assert stage.shown(1) == LONG
    assert stage.states == [
        (State.QUERY, "How are you?"),
        (State.INCOMPLETE, "well"),
        (State.INCOMPLETE, "well"),
        (State.QUERY, "well"),
    ]


def test_a_call_for_silence_pauses_the_reply() -> None:
    stage = speaking()
    stage.say("hush", "b")
    assert story(stage.tick()) == ["hold: hush", "1 pauses"]
    assert stage.settle() == []
    assert stage.trunk == "[user: How are you?]", "the reply may go on"
    assert stage.entries == [user("How are you?"), user("hush", Outcome.HELD)]
    assert stage.session.is_silent


def test_a_call_for_silence_in_silence_is_remembered() -> None:
    stage = Stage()
    stage.say("hush")
    stage.settle()
    assert stage.story == ["hold: hush"]
    assert stage.entries == [user("hush", Outcome.HELD)]
    assert stage.session.is_silent


def test_responses_are_counted() -> None:
    stage = Stage(Setting(replies=("One.", "Two.", "Three.")))
    for number in range(3):
        stage.say("And then?", f"segment {number}")
        stage.settle()
    assert [stage.shown(number) for number in (1, 2, 3)] == ["One.", "Two.", "Three."]
    assert [entry.response_id for entry in stage.session.transcript] == [None, 1, None, 2, None, 3]


def test_a_reply_without_a_word_is_over_at_once() -> None:
    stage = Stage(Setting(replies=("",)))
    stage.say("How are you?")
    stage.settle()
    assert stage.story == ["query: How are you?", "1 starts", "1 done: stop"]
    assert stage.trunk == "[user: How are you?]"


def test_a_reply_of_the_longest_length_is_ended() -> None:
    stage = Stage(Setting(replies=(LONG,)), max_reply_tokens=9)
    stage.say("How are you?")
    stage.settle()
    assert stage.story[-1] == "1 done: length"
    assert stage.shown(1) == stage.setup.tokenizer.decode(stage.script.tokens(1)[:9])


@pytest.mark.parametrize("promotion", ["rebase", "branch"])
def test_a_long_prefill_changes_nothing(promotion: str) -> None:
    """Nothing of a reply is shown that a query cut off while it was being read."""
    played = []
    for rows in (1000, 3):
        stage = Stage(Setting(replies=(LONG, "Two."), rows_per_forward=rows), promotion=promotion)
        stage.say("How are you?")
        stage.tick(3)
        stage.say("And who are you, if I may ask you that?", "b")
        stage.settle()
        played.append((stage.shown(1), stage.shown(2), stage.trunk, stage.entries))
    assert played[0] == played[1]


# Revisions.


def test_a_revision_is_heard_in_place_of_the_text() -> None:
    stage = Stage()
    stage.say("What is the wether")
    stage.tick()
    stage.revise("What is the weather")
    stage.tick()
    stage.revise("What is the weather?", is_final=True)
    stage.settle()
    assert stage.states == [
        (State.INCOMPLETE, "What is the wether"),
        (State.INCOMPLETE, "What is the weather"),
        (State.QUERY, "What is the weather?"),
    ]
    assert stage.trunk == "[user: What is the weather?][reply: Fine.]"


def test_a_revision_to_nothing_withdraws_the_utterance() -> None:
    stage = Stage()
    stage.say("What is")
    stage.tick()
    stage.revise("")
    was_silent = stage.session.is_silent
    assert not was_silent, "the engine still has to hear of it"
    assert stage.tick() == []
    assert stage.session.is_silent
    assert stage.engine.lane.utterance == []
    assert stage.settle() == []


def test_a_revision_never_touches_the_reply() -> None:
    stage = speaking()
    stage.say("uh", "b")
    stage.tick()
    stage.revise("a", "b")
    stage.tick()
    stage.revise("", "b")
    stage.settle()
    assert stage.shown(1) == LONG
    assert stage.trunk == f"[user: How are you?][reply: {LONG}]"


def test_a_revised_ending_of_a_decided_text_is_not_answered_again() -> None:
    stage = Stage()
    stage.say("how are you?")
    stage.tick()
    stage.revise("How are you ?", is_final=True)
    stage.settle()
    assert stage.states == [(State.QUERY, "how are you?")]
    assert len(stage.entries) == 2


def test_a_correction_after_the_decision_is_heard_as_a_whole() -> None:
    stage = Stage(Setting(replies=(LONG, "Second.")))
    stage.say("How are shoe?")
    stage.tick()
    stage.revise("How are you?")
    stage.settle()
    assert stage.states == [(State.QUERY, "How are shoe?"), (State.QUERY, "How are you?")]
    assert stage.shown(2) == "Second."


def test_a_continuation_after_the_decision_is_heard_alone() -> None:
    """Unless it comes soon enough to be a correction."""
    listening = ListeningSettings(late_text_ms=0)
    stage = Stage(Setting(replies=(LONG, "Second."), listening=listening))
    stage.say("How are you?")
    stage.tick()
    stage.revise("How are you? And who?")
    stage.settle()
    assert [text for _, text in stage.states] == ["How are you?", "And who?"]
