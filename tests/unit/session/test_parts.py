"""An utterance that is too long to be settled at once is settled in parts, and nothing is lost."""

from dataclasses import replace
from typing import Any

import pytest

from duologue.events import InputState, StateReason
from duologue.floor_settings import FloorSettings
from duologue.session.session import Session
from duologue.session.transcript import Outcome, Role
from duologue.states import State
from tests.unit.session.scenes import REPLIES
from tests.unit.session.stage import CONFIRMED, EAGER, Setting, Stage, user


def limited(max_chars: int = 100, setting: Setting | None = None, **decoding: Any) -> Stage:
    """So many characters may wait to be decided, or one part of them."""
    stage = Stage(
        setting or Setting(replies=REPLIES, floor=CONFIRMED),
        **{"continues_within_ms": 1200, **decoding},
    )
    stage.setup = replace(stage.setup, max_utterance_chars=max_chars)
    stage.session = Session("session", stage.setup)
    return stage


def monologue(num_words: int) -> str:
    """Words of which none is like another."""
    return " ".join(f"word{number}" for number in range(num_words))


def parts_of(stage: Stage) -> list[str]:
    return [
        event.text
        for event in stage.events
        if isinstance(event, InputState) and event.reason is StateReason.LENGTH
    ]


def said(stage: Stage) -> str:
    return " ".join(text for role, text, _ in stage.entries if role is Role.USER)


@pytest.mark.parametrize("strategy", ["duo", "tdm", "turn"])
@pytest.mark.parametrize("words_at_once", [1, 7, 80])
def test_a_monologue_is_settled_in_parts(strategy: str, words_at_once: int) -> None:
    stage = limited(strategy=strategy)
    words = f"{monologue(79)} what?".split()
    for start in range(0, len(words), words_at_once):
        stage.say(" " + " ".join(words[start : start + words_at_once]))
        stage.tick()
    stage.settle()
    parts = parts_of(stage)
    assert len(parts) == 5
    assert max(map(len, parts)) <= 100
    assert said(stage) == " ".join(words)
    outcomes = [outcome for role, _, outcome in stage.entries if role is Role.USER]
    assert outcomes == [*[Outcome.CONTINUED] * len(parts), Outcome.ANSWERED]
    assert [text for role, text, _ in stage.entries if role is Role.USER][:-1] == parts
    assert stage.shown(1) == REPLIES[0]
    assert stage.session.is_silent


def test_each_part_is_told_once_before_the_rest_is_judged() -> None:
    stage = limited()
    stage.say(f"{monologue(30)} what?")
    stage.tick(4)
    told = [event for event in stage.events if isinstance(event, InputState)]
    assert [event.reason for event in told] == [
        StateReason.LENGTH,
        StateReason.LENGTH,
        StateReason.JUDGED,
    ]
    assert [event.state for event in told][:2] == [State.INCOMPLETE] * 2
    assert len({event.text for event in told}) == 3


def test_the_trunk_has_the_parts_in_order() -> None:
    stage = limited()
    words = f"{monologue(39)} what?"
    stage.say(words)
    stage.settle()
    turns = "".join(f"[user: {text}]" for text in (*parts_of(stage), stage.states[-1][1]))
    assert stage.trunk == f"{turns}[reply: {REPLIES[0]}]"


def test_parts_that_are_settled_do_not_come_back() -> None:
    """Neither do more words take the last part back, nor does another text for its segment."""
    stage = limited()
    text = monologue(30)
    stage.say(text)
    stage.tick(3)
    num_parts = len(parts_of(stage))
    stage.revise(f"{text} and what?")
    stage.settle()
    assert len(parts_of(stage)) == num_parts
    assert said(stage) == f"{text} and what?"
    assert not any(work.reopens for work in stage.slices)


def test_a_part_that_is_nothing_but_blanks_and_noise_is_none() -> None:
    stage = limited()
    stage.say("What is this," + " " * 250)
    stage.tick(3)
    stage.say(" then?")
    stage.settle()
    assert stage.session.utterance == ""
    assert stage.session.is_silent
    assert "".join(said(stage).split()) == "Whatisthis,then?"


@pytest.mark.parametrize("floor", [EAGER, CONFIRMED])
def test_a_part_that_falls_into_a_reply_cuts_it(floor: FloorSettings) -> None:
    setting = Setting(replies=REPLIES, floor=floor)
    stage = limited(setting=setting)
    stage.say("How are you?")
    stage.tick(5)
    shown = stage.shown(1)
    stage.say(f"{monologue(30)} what?", "b")
    stage.settle()
    assert f"1 interrupted at {len(shown)}" in stage.story
    assert stage.trunk.startswith(f"[user: How are you?][reply: {shown}][user: word0")
    assert stage.trunk.endswith(f"what?][reply: {REPLIES[1]}]")


def test_a_commit_is_about_the_last_part() -> None:
    stage = limited()
    stage.say(monologue(30))
    stage.commit()
    stage.settle()
    assert said(stage) == monologue(30)
    assert [outcome for _, _, outcome in stage.entries[:3]] == [
        Outcome.CONTINUED,
        Outcome.CONTINUED,
        Outcome.ANSWERED,
    ]


def test_tokens_set_the_limit_where_the_model_is_small() -> None:
    setting = Setting(replies=REPLIES, floor=CONFIRMED, max_positions=300)
    stage = Stage(setting, max_reply_tokens=40)
    words = f"{monologue(79)} what?"
    for word in words.split():
        stage.say(f" {word}")
        stage.tick()
    stage.settle()
    assert len(parts_of(stage)) > 2
    assert said(stage) == words
    assert not any("error" in told for told in stage.story)
    assert stage.session.lane.num_tokens <= 300


def test_what_was_said_before_a_part_stays_as_it_was() -> None:
    stage = limited()
    stage.say("mhm")
    stage.tick()
    stage.say(f"{monologue(30)} what?", "b")
    stage.settle()
    assert stage.entries[0] == user("mhm", Outcome.IGNORED)
    assert said(stage) == f"mhm {monologue(30)} what?"
