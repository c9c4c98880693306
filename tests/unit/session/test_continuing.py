"""Text that goes on with what was decided belongs to it, in whatever segment it comes."""

import pytest

from duologue.floor_settings import FloorSettings
from duologue.session.transcript import Role
from tests.unit.session.scenes import LONG, held, num_started, scene, speaking
from tests.unit.session.stage import Stage, assistant, story, user

PATIENT = FloorSettings(confirm_word_gaps=20.0, confirm_after_ms=60_000)


def said(stage: Stage) -> list[str]:
    """The user's entries."""
    return [text for role, text, _ in stage.entries if role is Role.USER]


# While the reply is held.


@pytest.mark.parametrize("more", ["to Boston?", "what about it?", "I see. And you?"])
def test_whatever_is_said_while_the_reply_is_held_belongs_to_it(more: str) -> None:
    stage = held("A table?")
    stage.say(more, "b")
    told = story(stage.settle())
    assert told == [f"query: A table? {more}", "1 starts", "1 says: Second.", "1 done: stop"]
    assert stage.entries == [user(f"A table? {more}"), assistant("Second.")]
    assert stage.trunk == f"[user: A table? {more}][reply: Second.]"


def test_many_segments_make_one_utterance() -> None:
    stage = held("A table?")
    for number, more in enumerate(("for two?", "on Friday?", "at noon?")):
        stage.say(more, f"more {number}", is_final=True)
        stage.tick()
    stage.settle()
    assert stage.entries[0] == user("A table? for two? on Friday? at noon?")
    assert num_started(stage) == 1


def test_also_what_comes_during_the_slice_that_decides() -> None:
    stage = scene()
    stage.say("A table?")
    stage.depart()
    stage.say("what about it?", "b")
    stage.arrive()
    stage.settle()
    assert stage.entries == [user("A table? what about it?"), assistant("Second.")]


def test_a_backchannel_behind_a_held_query_takes_nothing_back() -> None:
    stage = held("A table?", floor=PATIENT)
    stage.say("mhm", "b")
    stage.tick(2)
    stage.commit()
    stage.settle()
    assert said(stage) == ["A table?", "mhm"]
    assert stage.shown(1) == LONG
    assert num_started(stage) == 1
    assert not any(work.reopens for work in stage.slices)
    assert stage.trunk == f"[user: A table?][reply: {LONG}]"


def test_a_backchannel_does_not_keep_a_held_reply_back() -> None:
    stage = held("A table?")
    stage.say("mhm", "b")
    stage.settle()
    assert stage.shown(1) == LONG
    assert num_started(stage) == 1


# After it was shown.


@pytest.mark.parametrize("more", ["to Boston?", "and a dessert?", "no, for two?"])
def test_what_sounds_like_the_rest_joins_a_reply_that_is_shown(more: str) -> None:
    stage = speaking("A table?")
    stage.say(more, "b")
    told = story(stage.tick())
    assert told == ["1 interrupted at 0", "1 done: interrupted", f"query: A table? {more}"]
    stage.settle()
    assert stage.entries == [user(f"A table? {more}"), assistant("Second.")]
    assert stage.trunk == f"[user: A table? {more}][reply: Second.]"


@pytest.mark.parametrize("more", ["what about it?", "Is it late?", "and what is that?"])
def test_what_sounds_like_something_else_cuts_a_reply_that_is_shown(more: str) -> None:
    stage = speaking("A table?")
    shown = len(stage.shown(1))
    stage.say(more, "b")
    assert story(stage.settle())[:3] == [
        f"query: {more}",
        "1 pauses",
        f"1 interrupted at {shown}",
    ]
    assert said(stage) == ["A table?", more]


@pytest.mark.parametrize(
    ("words", "entries"),
    [
        (("in", " the", " evening?"), ["A table? in the evening?"]),
        (("In", " which", " town?"), ["A table?", "In which town?"]),
        (("tomorrow", " at", " noon?"), ["A table? tomorrow at noon?"]),
        (("Tomorrow", " it", " rains?"), ["A table?", "Tomorrow it rains?"]),
    ],
)
def test_the_word_behind_tells_what_may_have_begun(
    words: tuple[str, ...], entries: list[str]
) -> None:
    """Until then the reply goes on, and what was decided stands."""
    stage = speaking("A table?")
    first, *more = words
    stage.say(first, "b")
    assert "1 interrupted" not in str(story(stage.tick()))
    for word in more:
        stage.say(word, "b")
        stage.tick()
    stage.settle()
    assert said(stage) == entries


def test_a_word_alone_is_the_rest_when_its_segment_ends_with_it() -> None:
    stage = speaking("A table?")
    stage.say("tomorrow?", "b", is_final=True)
    stage.settle()
    assert said(stage) == ["A table? tomorrow?"]


def test_in_the_same_segment_it_is_the_rest_however_it_sounds() -> None:
    stage = speaking("A table?")
    stage.say(" what about it?")
    stage.settle()
    assert stage.entries == [user("A table? what about it?"), assistant("Second.")]


def test_a_backchannel_in_the_same_segment_is_none_of_it() -> None:
    stage = speaking("A table?")
    stage.say(" mhm")
    stage.settle()
    assert said(stage) == ["A table?", "mhm"]
    assert stage.shown(1) == LONG


def test_what_comes_at_the_speakers_own_pace_is_the_rest_however_it_sounds() -> None:
    """Behind the end of a segment a reply is shown sooner than the speaker's next word comes."""
    stage = scene()
    stage.say("A table?", is_final=True)
    stage.tick(2)
    assert num_started(stage) == 1
    stage.say("what about it?", "b")
    stage.settle()
    assert stage.entries == [user("A table? what about it?"), assistant("Second.")]


def test_behind_that_pace_it_is_something_else() -> None:
    stage = scene()
    stage.say("A table?", is_final=True)
    stage.tick(3)
    stage.say("what about it?", "b")
    stage.settle()
    assert said(stage) == ["A table?", "what about it?"]


def test_the_rest_comes_within_its_time_or_not_at_all() -> None:
    stage = speaking("A table?")
    stage.elapse(800)
    stage.say("to Boston?", "b")
    stage.settle()
    assert said(stage) == ["A table?", "to Boston?"]


def test_a_shown_reply_that_had_cut_another_leaves_and_the_first_stays_cut() -> None:
    stage = speaking("How are you?")
    shown = stage.shown(1)
    stage.say("A table?", "b")
    stage.tick(4)
    assert num_started(stage) == 2
    stage.say("to Boston?", "c")
    stage.settle()
    assert said(stage) == ["How are you?", "A table? to Boston?"]
    assert stage.trunk == (
        f"[user: How are you?][reply: {shown}][user: A table? to Boston?][reply: Third.]"
    )


# What ends it.


@pytest.mark.parametrize("is_early", [True, False])
def test_nothing_goes_on_with_what_was_committed(is_early: bool) -> None:
    stage = scene()
    stage.say("A table?")
    if is_early:
        stage.commit()
    stage.tick()
    if not is_early:
        stage.commit()
    stage.say("to Boston?", "b")
    stage.settle()
    assert said(stage) == ["A table?", "to Boston?"]
    assert stage.entries[-1] == assistant("Second.")


def test_without_a_time_for_it_each_segment_is_its_own() -> None:
    stage = held("A table?", continues_within_ms=0)
    stage.say("to Boston?", "b")
    stage.settle()
    assert said(stage) == ["A table?", "to Boston?"]
