"""A call for silence lets a reply wait, whole, until the user lets it go on or asks anew."""

from typing import Any

import pytest

from duologue.events import InputState, ResponseResumed, StateReason
from duologue.session.transcript import Outcome
from duologue.states import State
from tests.unit.session.recorded import RecordedStage
from tests.unit.session.scenes import LONG, REPLIES, scene, speaking
from tests.unit.session.scripted_engine import UNSURE, Probabilities, Reciter, sure
from tests.unit.session.stage import (
    CONFIRMED,
    EAGER,
    Setting,
    Stage,
    assistant,
    chat_of,
    story,
    user,
)
from tests.unit.text.tiny_tokenizers import byte_level

SHOWN = "I am quite well today, thank yo"


def holding() -> Stage:
    """The reply was asked to wait when "thank yo" was shown of "thank you"."""
    stage = speaking()
    assert stage.shown(1) == SHOWN
    stage.say("hush", "b")
    assert story(stage.tick()) == ["hold: hush", "1 pauses"]
    return stage


def reasons(stage: Stage) -> list[StateReason]:
    return [event.reason for event in stage.events if isinstance(event, InputState)]


def test_a_reply_waits_in_silence_and_costs_nothing() -> None:
    stage = holding()
    num_slices = len(stage.slices)
    assert stage.tick(100) == []
    assert len(stage.slices) == num_slices
    assert stage.session.is_silent
    assert stage.session.lane.is_speaking
    assert stage.trunk == "[user: How are you?]"


@pytest.mark.parametrize("phrase", ["go on", "Please continue.", "okay, I'm back"])
def test_a_phrase_lets_it_go_on_in_mid_word(phrase: str) -> None:
    stage = holding()
    stage.tick(20)
    stage.say(phrase, "c")
    told = story(stage.settle())
    resumed = told.index("1 resumes")
    assert told[resumed - 1 : resumed + 2] == [
        f"non_query: {phrase}",
        "1 resumes",
        "1 says: u for asking me.",
    ]
    assert ResponseResumed(1, len(SHOWN)) in stage.events
    assert reasons(stage)[-1] is StateReason.GO_ON
    assert stage.shown(1) == LONG
    assert stage.trunk == f"[user: How are you?][reply: {LONG}]"
    assert stage.entries == [
        user("How are you?"),
        user("hush", Outcome.HELD),
        user(phrase, Outcome.IGNORED),
        assistant(LONG),
    ]


def test_a_phrase_counts_when_nothing_more_seems_to_follow() -> None:
    stage = holding()
    stage.tick(20)
    stage.say("go on", "c")
    stage.tick(2)
    assert "1 resumes" not in stage.story
    stage.say(" and on, what?", "c")
    stage.settle()
    assert "1 resumes" not in stage.story
    assert user("go on and on, what?") in stage.entries


def test_a_commit_lets_it_go_on_at_once() -> None:
    stage = holding()
    stage.tick(20)
    stage.say("go on", "c")
    assert story(stage.commit())[:2] == ["non_query: go on", "1 resumes"]


@pytest.mark.parametrize("state", [State.NON_QUERY, State.QUERY, State.HOLD])
def test_a_phrase_lets_it_go_on_whatever_the_model_makes_of_it(state: State) -> None:
    setting = Setting(replies=REPLIES, floor=CONFIRMED, states={"go on": sure(state)})
    stage = Stage(setting, continues_within_ms=1200)
    stage.say("How are you?")
    stage.tick(5)
    stage.say("hush", "b")
    stage.tick(20)
    stage.say("go on", "c")
    told = story(stage.settle())
    assert "1 resumes" in told
    assert "2 starts" not in told
    assert stage.shown(1) == LONG
    assert stage.trunk == f"[user: How are you?][reply: {LONG}]"
    assert stage.entries[-1] == assistant(LONG)
    assert user("go on", Outcome.IGNORED) in stage.entries


def test_a_backchannel_lets_nothing_go_on() -> None:
    stage = holding()
    stage.say("mhm", "c")
    assert story(stage.settle()) == ["non_query: mhm"]
    assert stage.session.lane.is_speaking


def test_a_query_ends_the_wait_and_the_reply() -> None:
    stage = holding()
    stage.tick(20)
    stage.say("And who?", "c")
    told = story(stage.settle())
    assert told == [
        "query: And who?",
        f"1 interrupted at {len(SHOWN)}",
        "1 done: interrupted",
        "2 starts",
        "2 says: Second.",
        "2 done: stop",
    ]
    assert stage.trunk == (f"[user: How are you?][reply: {SHOWN}][user: And who?][reply: Second.]")


def test_a_query_that_is_taken_back_leaves_the_reply_waiting() -> None:
    stage = holding()
    stage.tick(20)
    stage.say("And who?", "c")
    stage.tick()
    stage.say(" mhm", "c")
    stage.settle()
    assert "1 resumes" not in stage.story
    stage.say("go on", "d")
    stage.settle()
    assert stage.shown(1) == LONG


def test_words_that_let_a_reply_go_on_are_words_like_others_when_none_waits() -> None:
    stage = speaking()
    stage.settle()
    stage.say("go on", "c")
    stage.settle()
    assert StateReason.GO_ON not in reasons(stage)


def test_nothing_waits_when_nothing_is_being_said() -> None:
    stage = scene()
    stage.say("hush")
    assert story(stage.settle()) == ["hold: hush"]
    assert stage.entries == [user("hush", Outcome.HELD)]
    assert stage.trunk == ""


def test_an_interruption_that_is_confirmed_is_taken_back_by_go_on_no_more() -> None:
    stage = speaking()
    stage.say("And who?", "b")
    stage.settle()
    stage.say("go on", "c")
    stage.settle()
    assert "1 resumes" not in stage.story


@pytest.mark.parametrize("strategy", ["tdm", "turn"])
@pytest.mark.parametrize("promotion", ["rebase", "branch"])
def test_a_reply_that_could_not_wait_is_over_for_good(strategy: str, promotion: str) -> None:
    stage = scene(strategy=strategy, promotion=promotion)
    stage.say("How are you?")
    stage.tick(3)
    stage.say("hush", "b")
    stage.settle()
    stage.say("mhm", "c")
    stage.settle()
    assert "1 resumes" not in stage.story


@pytest.mark.parametrize("harm", ["crash", "take_over"])
def test_a_reply_still_waits_after_a_checkpoint(harm: str) -> None:
    tokenizer = byte_level()
    (stop_token,) = chat_of(tokenizer).stop_tokens
    stage = RecordedStage(Setting(floor=CONFIRMED), model=Reciter(tokenizer, stop_token, REPLIES))
    stage.say("How are you?")
    stage.tick(5)
    stage.say("hush", "b")
    stage.tick()
    stage.keep_checkpoint()
    getattr(stage, harm)()
    assert stage.tick(100) == []
    stage.say("go on", "c")
    stage.settle()
    assert ResponseResumed(1, len(SHOWN)) in stage.events
    assert stage.shown(1) == LONG
    assert stage.trunk == f"[user: How are you?][reply: {LONG}]"


@pytest.mark.parametrize("floor", [EAGER, CONFIRMED])
@pytest.mark.parametrize("segment_id", ["b", "c"])
@pytest.mark.parametrize("ticks", [2, 3])
def test_what_is_said_in_the_same_breath_belongs_to_it(
    floor: Any, segment_id: str, ticks: int
) -> None:
    """Recognisers give "hold" and "on" one after the other, perhaps each as a segment."""
    states = {"hold": sure(State.HOLD), "hold on": sure(State.HOLD), "on": UNSURE}
    setting = Setting(replies=(LONG,), states=states, floor=floor)
    stage = Stage(setting, reply_tokens_per_slice=2, continues_within_ms=800)
    stage.say("How is it?", "a", is_final=True)
    stage.commit()
    stage.tick(3)
    stage.say("hold", "b")
    stage.tick(ticks)
    stage.say("on" if segment_id == "c" else " on", segment_id)
    stage.tick(2)
    assert stage.session.utterance == ""
    assert stage.entries[-1] == user("hold on", Outcome.HELD)
    stage.say("go on", "d", is_final=True)
    stage.settle()
    assert stage.shown(1) == LONG


def test_what_is_said_later_is_something_else() -> None:
    stage = Stage(Setting(floor=CONFIRMED), continues_within_ms=800)
    stage.say("hush", "b")
    stage.tick(2)
    stage.wait(5_000)
    stage.say("How is it?", "c")
    stage.settle()
    assert [text for _, text, _ in stage.entries] == ["hush", "How is it?", "Fine."]


@pytest.mark.parametrize("floor", [EAGER, CONFIRMED])
@pytest.mark.parametrize("made_of_it", [UNSURE, sure(State.HOLD)])
@pytest.mark.parametrize("pieces", [("go on",), ("go", " on"), ("g", "o", " o", "n then")])
@pytest.mark.parametrize("segment_id", ["b", "c"])
@pytest.mark.parametrize("is_judged", [True, False])
def test_go_on_is_no_part_of_the_call_however_soon_it_is_said(
    floor: Any, made_of_it: Probabilities, pieces: tuple[str, ...], segment_id: str, is_judged: bool
) -> None:
    """In the call's segment or in another one, also while the call is still being judged."""
    states = {"hush": sure(State.HOLD)}
    words = [f"{before}{text}" for text in ("g", "go", "go o", "go on") for before in ("", "hush ")]
    setting = Setting(REPLIES, states=dict.fromkeys(words, made_of_it) | states, floor=floor)
    stage = Stage(setting, reply_tokens_per_slice=2, continues_within_ms=1200)
    stage.say("How are you?", "a", is_final=True)
    stage.commit()
    stage.tick(3)
    stage.say("hush", "b")
    stage.wait(50)
    stage.depart()
    if is_judged:
        stage.arrive()
    stage.say(" " + pieces[0], segment_id)
    if not is_judged:
        stage.arrive()
    for piece in pieces[1:]:
        stage.tick()
        stage.say(piece, segment_id)
    stage.settle()
    assert reasons(stage)[-1] is StateReason.GO_ON
    assert stage.shown(1) == LONG
    assert stage.entries == [
        user("How are you?"),
        user("hush", Outcome.HELD),
        user("".join(pieces), Outcome.IGNORED),
        assistant(LONG),
    ]


def test_a_request_that_begins_like_go_on_is_a_request() -> None:
    stage = holding()
    stage.say("go", "c")
    stage.tick()
    stage.say(" home, but how?", "c")
    stage.settle()
    assert "1 resumes" not in stage.story
    assert stage.shown(2) == "Second."


def about_to_hush(**decoding: Any) -> Stage:
    """A reply is being given; what is said over it in two segments is a call for silence."""
    words = ("hush go on", "hush please go on")
    setting = Setting(REPLIES, states=dict.fromkeys(words, sure(State.HOLD)), floor=CONFIRMED)
    stage = Stage(setting, reply_tokens_per_slice=2, **decoding)
    stage.say("How are you?", "a", is_final=True)
    stage.commit()
    stage.tick(3)
    return stage


def test_a_call_that_is_taken_back_before_it_was_judged_is_none() -> None:
    stage = about_to_hush(continues_within_ms=1200)
    stage.say("hush", "b")
    stage.say("go on", "c")
    stage.settle()
    assert "1 pauses" not in stage.story
    assert reasons(stage)[-1] is StateReason.GO_ON
    assert stage.entries == [
        user("How are you?"),
        user("hush go on", Outcome.IGNORED),
        assistant(LONG),
    ]


def test_a_call_that_has_become_longer_is_taken_back_too() -> None:
    stage = about_to_hush(continues_within_ms=1200)
    stage.say("hush", "b")
    stage.tick()
    stage.say("please", "c")
    stage.say(" go on", "c")
    stage.settle()
    assert stage.story.index("1 pauses") < stage.story.index("1 resumes")
    assert reasons(stage)[-1] is StateReason.GO_ON
    assert stage.shown(1) == LONG


def test_where_no_reply_can_wait_it_is_over_for_good() -> None:
    stage = about_to_hush(strategy="tdm")
    stage.say("hush", "b")
    stage.say("go on", "c")
    stage.settle()
    assert stage.story[-1] == "1 done: interrupted"
    assert StateReason.GO_ON not in reasons(stage)
