"""What has to hold for any client, at any moment; `Stage.check` adds what holds after any slice."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duologue.events import (
    Interrupted,
    ResponseDelta,
    ResponseDone,
    ResponseResumed,
    ResponseStarted,
)
from duologue.lane.lane import Lane
from duologue.lane.steps import EndReason, Promote, Say
from duologue.session.transcript import Role
from tests.unit.session.schedules import Action, Deed, Play, actions, as_trunk, play
from tests.unit.session.schedules import settings_of_sessions as setting_choices
from tests.unit.session.stage import Setting, Stage
from tests.unit.session.test_stopping import until_a_string_is_complete

ALL = tuple(Deed)
SAFE = tuple(deed for deed in Deed if deed is not Deed.REVISE)

decodings = st.fixed_dictionaries(
    {
        "promotion": st.sampled_from(["rebase", "branch"]),
        "look_ahead_tokens": st.sampled_from([0, 0, 3]),
        "reply_tokens_per_slice": st.sampled_from([1, 4, 9]),
        "continues_within_ms": st.sampled_from([0, 800]),
        "max_reply_tokens": st.sampled_from([12, 400]),
    }
)
strategies = st.sampled_from(["duo", "duo", "duo", "tdm", "turn"])


@settings(max_examples=60)
@given(actions(*ALL), setting_choices, decodings, strategies)
def test_sessions_and_engines_agree_whatever_happens(
    schedule: list[Action], setting: Setting, decoding: dict[str, Any], strategy: str
) -> None:
    done = play(schedule, setting, strategy=strategy, **decoding)
    assert done.stage.session.utterance == ""
    assert done.stage.engine.lane.utterance == []


@settings(max_examples=60)
@given(actions(*ALL), setting_choices, decodings, strategies)
def test_also_when_the_context_is_short(
    schedule: list[Action], setting: Setting, decoding: dict[str, Any], strategy: str
) -> None:
    cramped = replace(setting, max_positions=170)
    done = play(schedule, cramped, strategy=strategy, **decoding)
    assert done.stage.session.utterance == ""
    assert done.stage.session.lane.num_tokens <= 170


@settings(max_examples=40)
@given(actions(*SAFE), setting_choices, decodings, strategies)
def test_no_word_is_lost_and_none_is_heard_twice(
    schedule: list[Action], setting: Setting, decoding: dict[str, Any], strategy: str
) -> None:
    done = play(schedule, setting, strategy=strategy, **decoding)
    texts = [text for role, text, _ in done.stage.entries if role is Role.USER]
    heard = re.findall(r"w\d+x", " ".join(texts))
    assert sorted(heard) == sorted(f"w{number}x" for number in range(1, done.num_words + 1))


@settings(max_examples=40)
@given(actions(*SAFE), decodings, st.sampled_from(["duo", "turn"]))
def test_every_word_is_pending_or_was_decided(
    schedule: list[Action], decoding: dict[str, Any], strategy: str
) -> None:
    """Also in the midst of things. (What is being reopened is both, until the engine knows.)"""
    decoding["continues_within_ms"] = 0
    done = play(schedule, Setting(), strategy=strategy, finishes=False, **decoding)
    texts = [text for role, text, _ in done.stage.entries if role is Role.USER]
    texts.append(done.stage.session.utterance)
    heard = re.findall(r"w\d+x", " ".join(texts))
    assert sorted(heard) == sorted(f"w{number}x" for number in range(1, done.num_words + 1))


@settings(max_examples=60)
@given(actions(*ALL), setting_choices, decodings, st.sampled_from(["duo", "turn"]))
def test_trunk_and_transcript_agree(
    schedule: list[Action], setting: Setting, decoding: dict[str, Any], strategy: str
) -> None:
    """What is kept of a cut reply reads as just what was heard of it."""
    decoding["promotion"] = "rebase"
    done = play(schedule, setting, strategy=strategy, **decoding)
    assert done.stage.trunk == as_trunk(done.stage)


@settings(max_examples=40)
@given(actions(*ALL), setting_choices, decodings, strategies)
def test_responses_begin_and_end_once(
    schedule: list[Action], setting: Setting, decoding: dict[str, Any], strategy: str
) -> None:
    done = play(schedule, setting, strategy=strategy, **decoding)
    open_ids: set[int] = set()
    interrupted: set[int] = set()
    num_started = 0
    for event in done.stage.events:
        match event:
            case ResponseStarted(number):
                num_started += 1
                assert number == num_started
                assert not open_ids, "the one before it is done"
                open_ids.add(number)
            case ResponseDelta(number, text):
                assert number in open_ids
                assert text
            case ResponseDone(number):
                open_ids.remove(number)
            case Interrupted(number, heard_chars):
                assert number == num_started
                assert number not in interrupted
                assert 0 <= heard_chars <= len(done.stage.shown(number))
                interrupted.add(number)
            case ResponseResumed(number):
                assert number == num_started
                assert number in open_ids or done.num_reports
            case _:
                pass
    assert not open_ids


@settings(max_examples=40)
@given(actions(*ALL), setting_choices, decodings, strategies)
def test_what_is_shown_is_what_the_tokens_say(
    schedule: list[Action], setting: Setting, decoding: dict[str, Any], strategy: str
) -> None:
    stage = play(schedule, setting, strategy=strategy, **decoding).stage
    reasons = {
        event.response_id: event.reason for event in stage.events if isinstance(event, ResponseDone)
    }
    for number, tokens in replies_by_journal(stage).items():
        text, shown = stage.setup.tokenizer.decode(tokens), stage.shown(number)
        match reasons[number]:
            case EndReason.STOP | EndReason.LENGTH:
                assert shown == text
            case EndReason.STOP_STRING:
                strings = list(setting.stop_strings)
                assert shown == until_a_string_is_complete(text, strings) != text
            case _:
                assert text.startswith(shown)


def replies_by_journal(stage: Stage) -> dict[int, list[int]]:
    """The tokens of each reply, by its number."""
    lane = Lane(stage.setup.chat, stage.setup.opening)
    replies: dict[int, list[int]] = {}
    for step in stage.steps:
        if isinstance(step, Promote) and step.answer:
            replies[lane.num_replies + 1] = []
        elif isinstance(step, Say):
            replies[lane.num_replies] += step.tokens
        lane.apply(step)
    return replies


@settings(max_examples=40)
@given(actions(Deed.SAY, Deed.COMMIT, Deed.WAIT), decodings)
def test_a_schedule_tells_the_same_story_with_and_without_its_cells(
    schedule: list[Action], decoding: dict[str, Any]
) -> None:
    def story_of(schedule: list[Action]) -> Play:
        return play(schedule, Setting(), **decoding)

    restless = [each for action in schedule for each in (Action(Deed.REST, 0), action)]
    kept, dropped = story_of(schedule).stage, story_of(restless).stage
    assert kept.session.lane.trunk.tokens == dropped.session.lane.trunk.tokens
    assert kept.entries == dropped.entries


@pytest.mark.parametrize("deed", list(Deed))
def test_every_deed_does_something(deed: Deed) -> None:
    """Else the schedules would prove less than they seem to."""
    before = [Action(Deed.SAY, 3), Action(Deed.TICK, 0), Action(Deed.TICK, 0)]
    flying = [Action(Deed.DEPART, 0)] if deed is Deed.ARRIVE else []
    after = [Action(deed, 7), Action(Deed.TICK, 0)]
    untouched = play(before + flying, Setting(), finishes=False)
    touched = play(before + flying + after, Setting(), finishes=False)
    assert vars_of(untouched) != vars_of(touched)


def vars_of(done: Play) -> tuple[object, ...]:
    stage = done.stage
    return (len(stage.slices), stage.story, stage.session.utterance, stage.clock.now_ms())
