"""A recogniser's final text comes late: it corrects what was decided, or only how it is written."""

import pytest

from duologue.floor_settings import ListeningSettings
from duologue.session.transcript import Role
from tests.unit.session.scenes import LONG, held, num_started, scene, speaking
from tests.unit.session.stage import Stage, assistant, story, user

OTHER = "Who are you?"
SAME = "How, are you?"


def said(stage: Stage) -> list[str]:
    return [text for role, text, _ in stage.entries if role is Role.USER]


def is_given_once(stage: Stage) -> bool:
    """Whether the reply was neither cut nor repeated."""
    told = ["query: how are you?", "1 starts", f"1 says: {LONG}", "1 done: stop"]
    return stage.story == told and not any(work.reopens for work in stage.slices)


# It says the same.


@pytest.mark.parametrize("is_final", [True, False])
@pytest.mark.parametrize("is_committed", [True, False])
@pytest.mark.parametrize("after_ticks", [0, 1, 4, 11])
def test_the_same_in_other_letters_only_changes_the_entry(
    after_ticks: int, is_committed: bool, is_final: bool
) -> None:
    stage = held("how are you?")
    if is_committed:
        stage.commit()
    stage.tick(after_ticks)
    stage.revise(SAME, is_final=is_final)
    stage.settle()
    assert stage.entries == [user(SAME), assistant(LONG)]
    assert is_given_once(stage)
    assert stage.trunk == f"[user: how are you?][reply: {LONG}]"


def test_the_same_during_the_slice_that_decides() -> None:
    stage = scene()
    stage.say("how are you?")
    stage.depart()
    stage.revise(SAME)
    stage.arrive()
    stage.settle()
    assert len(said(stage)) == 1
    assert stage.shown(1) == LONG
    assert num_started(stage) == 1


def test_a_backchannel_is_written_anew_too() -> None:
    stage = speaking("how are you?")
    stage.say("mhm", "b")
    stage.tick()
    assert stage.revise("Mhm.", "b", is_final=True) == []
    stage.settle()
    assert said(stage) == ["how are you?", "Mhm."]
    assert stage.shown(1) == LONG


def test_one_of_several_segments_changes_its_part_of_the_entry() -> None:
    stage = scene()
    stage.say("hello there", "a")
    stage.say("how are you?", "b")
    stage.tick(5)
    stage.revise("Hello there,", "a", is_final=True)
    stage.revise("How are you?", "b", is_final=True)
    stage.settle()
    assert stage.entries == [user("Hello there, How are you?"), assistant(LONG)]
    assert num_started(stage) == 1


def test_the_rest_of_a_query_follows_the_corrected_text() -> None:
    stage = held("how are you?")
    stage.revise(SAME)
    stage.revise(f"{SAME} And who?")
    stage.settle()
    assert stage.entries == [user(f"{SAME} And who?"), assistant("Second.")]
    assert stage.trunk == f"[user: {SAME} And who?][reply: Second.]"


# It says something else.


@pytest.mark.parametrize("is_committed", [True, False])
@pytest.mark.parametrize("after_ticks", [0, 4, 11])
def test_another_meaning_is_answered_anew_as_a_whole(after_ticks: int, is_committed: bool) -> None:
    stage = held("how are you?")
    if is_committed:
        stage.commit()
    stage.tick(after_ticks)
    was_shown = num_started(stage) > 0
    stage.revise(OTHER, is_final=True)
    stage.settle()
    assert stage.entries == [user(OTHER), assistant("Second.")]
    assert stage.trunk == f"[user: {OTHER}][reply: Second.]"
    assert num_started(stage) == 1 + was_shown
    assert ("1 interrupted at 0" in stage.story) is was_shown


def test_words_that_only_follow_are_late_by_the_time_for_more_words() -> None:
    stage = held("how are you?")
    stage.tick(9)  # later than `continues_within_ms`, but not than `late_text_ms`
    stage.revise("how are you? And who?")
    stage.settle()
    assert said(stage) == ["how are you?", "And who?"]


def test_words_that_only_follow_a_commit_are_something_else() -> None:
    stage = held("how are you?")
    stage.commit()
    stage.tick(2)
    stage.revise("how are you? And who?", is_final=True)
    stage.settle()
    assert said(stage) == ["how are you?", "And who?"]


# It is too late, or refused.


@pytest.mark.parametrize(("ms", "reopens"), [(1999, True), (2000, False)])
def test_another_meaning_counts_for_so_long(ms: float, reopens: bool) -> None:
    stage = held("how are you?")
    stage.elapse(ms)
    stage.revise(OTHER)
    stage.settle()
    assert any(work.reopens for work in stage.slices) is reopens
    assert said(stage) == ([OTHER] if reopens else ["how are you?", OTHER])


def test_the_same_that_is_too_late_leaves_all_as_it_was() -> None:
    stage = held("how are you?")
    stage.tick(20)
    stage.revise(SAME)
    stage.settle()
    assert stage.entries == [user("how are you?"), assistant(LONG)]
    assert is_given_once(stage)


def test_the_time_for_it_can_be_none() -> None:
    stage = held("how are you?", listening=ListeningSettings(late_text_ms=0))
    stage.tick(9)
    stage.revise(OTHER)
    stage.settle()
    assert not any(work.reopens for work in stage.slices)


def test_a_segment_that_is_final_takes_no_late_text() -> None:
    stage = scene()
    stage.say("how are you?", is_final=True)
    stage.tick(5)
    assert story(stage.revise(OTHER)) == ["error: invalid_input"]
    stage.settle()
    assert stage.entries == [user("how are you?"), assistant(LONG)]
