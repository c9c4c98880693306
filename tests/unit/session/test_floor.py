"""A reply is computed at once, and shown when it is sure that the user leaves the floor to it."""

from dataclasses import replace
from math import ceil

import pytest

from duologue.floor_settings import FloorSettings
from duologue.lane.phase import ReplyPhase
from duologue.session.silence import USUAL_WORD_GAP_MS
from duologue.session.transcript import Outcome
from duologue.states import State
from duologue.text.normal_form import normal_form
from tests.unit.session.scenes import LONG, held, num_started, scene, speaking
from tests.unit.session.schedules import HashedModel
from tests.unit.session.scripted_engine import sure
from tests.unit.session.stage import (
    CONFIRMED,
    LISTENING,
    Setting,
    Stage,
    assistant,
    story,
    user,
)
from tests.unit.text.tiny_tokenizers import byte_level

PATIENT = FloorSettings(confirm_word_gaps=20.0, confirm_after_ms=60_000)
PACE_MS = CONFIRMED.confirm_word_gaps * USUAL_WORD_GAP_MS
"""The pause that confirms, for a speaker of whose pace nothing is known yet."""

# Held, and then shown.


def shown_after_ms(stage: Stage) -> float:
    """How long after its text a reply is shown that is held now."""
    for _ in range(4000):
        if num_started(stage):
            return stage.clock.now_ms()
        stage.elapse(1)
    raise AssertionError("it is never shown")


def test_a_reply_is_computed_at_once_and_shown_after_a_pause() -> None:
    stage = held()
    assert stage.session.pending(stage.clock.now_ms()).elapse_ms == PACE_MS
    assert stage.session.lane.num_reply_tokens > 0
    assert stage.story == ["query: How are you?"]
    assert shown_after_ms(stage) == ceil(PACE_MS)
    stage.settle()
    assert stage.story[1:] == ["1 starts", f"1 says: {LONG}", "1 done: stop"]
    assert stage.entries == [user("How are you?"), assistant(LONG)]


def test_a_reply_is_shown_when_the_client_says_that_the_turn_is_over() -> None:
    stage = held()
    assert story(stage.commit()) == ["1 starts", "1 says: I a"]


def test_a_commit_before_the_decision_counts_as_well() -> None:
    stage = scene()
    stage.say("How are you?")
    stage.commit()
    assert story(stage.tick())[:2] == ["query: How are you?", "1 starts"]


def test_what_is_sure_to_be_a_query_is_answered_at_once() -> None:
    states = {"How are you?": {**sure(State.QUERY), State.QUERY: CONFIRMED.sure_above}}
    stage = Stage(Setting(floor=CONFIRMED, states=states))
    stage.say("How are you?")
    assert story(stage.tick())[:2] == ["query: How are you?", "1 starts"]


def test_what_may_be_no_query_waits_longer() -> None:
    states = {"How are you?": {**sure(State.QUERY), State.QUERY: 0.6}}
    stage = Stage(Setting(floor=CONFIRMED, states=states))
    stage.say("How are you?")
    stage.tick()
    assert shown_after_ms(stage) == CONFIRMED.confirm_after_ms


def test_a_reply_is_shown_sooner_behind_the_end_of_a_segment() -> None:
    stage = scene()
    stage.say("How are you?", is_final=True)
    stage.tick()
    assert shown_after_ms(stage) == ceil(CONFIRMED.confirm_final_scale * PACE_MS)


def test_also_when_the_end_is_told_later() -> None:
    stage = held()
    stage.say("", is_final=True)
    assert shown_after_ms(stage) == ceil(CONFIRMED.confirm_final_scale * PACE_MS)


@pytest.mark.parametrize(
    ("text", "pause_ms"),
    [
        ("it is 0 1 7 2", LISTENING.dictation_after_ms),
        ("I'd like to, um", LISTENING.open_after_ms),
    ],
)
def test_a_reply_is_shown_later_where_more_is_to_come(text: str, pause_ms: float) -> None:
    stage = Stage(Setting(floor=CONFIRMED, states={normal_form(text): sure(State.QUERY)}))
    stage.say(text)
    stage.tick()
    assert shown_after_ms(stage) == pause_ms


def test_an_eager_session_shows_it_at_once() -> None:
    stage = scene(floor=FloorSettings(mode="eager"))
    stage.say("How are you?")
    assert story(stage.tick())[:2] == ["query: How are you?", "1 starts"]


def test_no_more_is_computed_than_may_be_held() -> None:
    stage = held(floor=PATIENT)
    stage.tick(20)
    assert stage.session.lane.num_reply_tokens == PATIENT.held_reply_tokens
    assert len(stage.slices) == 7
    stage.settle()
    assert stage.shown(1) == LONG


def test_a_reply_that_is_held_whole_is_shown_whole() -> None:
    stage = held("How are you?", "Fine.", floor=PATIENT)
    stage.tick(3)
    assert num_started(stage) == 0
    assert story(stage.commit()) == ["1 starts", "1 says: Fine.", "1 done: stop"]
    stage.settle()
    assert stage.entries == [user("How are you?"), assistant("Fine.")]
    assert stage.trunk == "[user: How are you?][reply: Fine.]"


# Taken back.


def test_more_words_take_a_held_reply_back_unseen() -> None:
    stage = held("What is?")
    stage.tick()
    num_tokens = stage.session.lane.num_reply_tokens
    stage.say(" the time?")
    told = story(stage.settle())
    assert told == ["query: What is? the time?", "1 starts", "1 says: Second.", "1 done: stop"]
    assert stage.entries == [user("What is? the time?"), assistant("Second.")]
    assert stage.trunk == "[user: What is? the time?][reply: Second.]"
    assert stage.session.usage.discarded_tokens == num_tokens


def test_a_held_reply_may_be_taken_back_many_times() -> None:
    stage = held("Is it?")
    for word in (" one?", " two?", " three?"):
        stage.say(word)
        stage.tick(2)
    stage.settle()
    assert num_started(stage) == 1
    assert stage.entries[0] == user("Is it? one? two? three?")
    said = stage.session.usage.output_tokens - stage.session.usage.discarded_tokens
    assert said == len(stage.setup.tokenizer.encode(stage.shown(1)))


# While a reply is being given.


def test_a_reply_falls_silent_for_an_interruption_and_is_cut_where_it_was_heard() -> None:
    stage = speaking()
    stage.ack(1, 9)
    stage.say("And who?", "b")
    assert story(stage.tick()) == ["query: And who?", "1 pauses"]
    told = story(stage.settle())
    assert told[:3] == ["1 interrupted at 9", "1 done: interrupted", "2 starts"]
    assert stage.entries[1] == assistant("I am quit", Outcome.CUT)
    assert stage.trunk.startswith("[user: How are you?][reply: I am quit][user: And who?]")


def test_a_reply_goes_on_when_the_interruption_was_none() -> None:
    stage = speaking()
    stage.say("And who?", "b")
    stage.tick()
    stage.say(" mhm", "b")
    told = story(stage.settle())
    assert told[:2] == ["non_query: And who? mhm", "1 resumes"]
    assert stage.shown(1) == LONG
    assert stage.entries[0::2] == [user("How are you?"), assistant(LONG)]
    assert stage.trunk == f"[user: How are you?][reply: {LONG}]"


def test_what_the_cut_reply_says_afterwards_is_what_it_would_have_said() -> None:
    setting = Setting(floor=replace(CONFIRMED, confirm_word_gaps=3.0))
    calm, cut = (
        Stage(setting, model=HashedModel(byte_level()), continues_within_ms=1200) for _ in range(2)
    )
    for stage in (calm, cut):
        stage.say("How are you?")
        stage.tick(9)
        assert num_started(stage) == 1
        assert stage.session.lane.phase is ReplyPhase.SPEAKING
    cut.say("And who?", "b")
    assert "1 pauses" in story(cut.tick(2))
    cut.say(" mhm", "b")
    calm.settle()
    cut.settle()
    assert cut.shown(1) == calm.shown(1)
    assert cut.trunk == calm.trunk
    before, after = calm.session.usage, cut.session.usage
    again = after.output_tokens - after.discarded_tokens - before.output_tokens
    assert again <= 1, "no more than what was said in the slice that cut it"


def test_a_slow_speaker_is_not_answered_between_two_words() -> None:
    """Though each beginning is decided to be a query before the next word comes."""
    states = {text: sure(State.QUERY) for text in ("Play", "Play it", "Play it now")}
    stage = Stage(Setting(floor=CONFIRMED, states=states), continues_within_ms=2_500)
    for word in ("Play", " it", " now"):
        said_ms = stage.clock.now_ms()
        stage.say(word, "slow")
        stage.tick()
        while stage.clock.now_ms() < said_ms + 900:
            stage.elapse(1)
        assert not num_started(stage), word
    stage.settle()
    assert num_started(stage) == 1
