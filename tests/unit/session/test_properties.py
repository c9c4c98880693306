"""What has to hold for any client, at any moment; `Stage.check` adds what holds after any slice."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duologue.events import (
    Interrupted,
    ResponseDelta,
    ResponseDone,
    ResponsePaused,
    ResponseResumed,
    ResponseStarted,
    ServerEvent,
    ToolCall,
)
from duologue.floor_settings import FloorSettings
from duologue.lane.steps import Begin, EndReason, Promote, Say
from duologue.session.transcript import Role
from tests.unit.session.schedules import (
    FLOORS,
    TOOLS,
    Action,
    Deed,
    Play,
    actions,
    as_trunk,
    play,
    words_of,
)
from tests.unit.session.schedules import settings_of_sessions as setting_choices
from tests.unit.session.stage import Setting, Stage
from tests.unit.session.test_stopping import until_a_string_is_complete

ALL = tuple(Deed)
SAFE = tuple(deed for deed in Deed if deed is not Deed.REVISE)
UNCORRECTED = tuple(deed for deed in Deed if deed is not Deed.REPEAT)
"""A late text that says the same corrects the transcript; the trunk keeps the words as heard."""

decodings = st.fixed_dictionaries(
    {
        "promotion": st.sampled_from(["rebase", "branch"]),
        "look_ahead_tokens": st.sampled_from([0, 0, 3]),
        "reply_tokens_per_slice": st.sampled_from([1, 4, 9]),
        "reply_tokens_per_second": st.sampled_from([0, 12.0, 40.0]),
        "reply_ahead_tokens": st.sampled_from([1, 3, 12]),
        "continues_within_ms": st.sampled_from([0, 800]),
        "max_reply_tokens": st.sampled_from([12, 400]),
    }
)
strategies = st.sampled_from(["duo", "duo", "duo", "listen", "listen", "tdm", "turn"])

agreeing = st.sampled_from(["duo", "listen", "listen", "turn"])


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
    most = 400 if setting.tools else 170  # an opening fills half of it at the most
    cramped = replace(setting, max_positions=most)
    done = play(schedule, cramped, strategy=strategy, **decoding)
    assert done.stage.session.utterance == ""
    assert done.stage.session.lane.num_tokens <= most


@settings(max_examples=40)
@given(actions(*SAFE), setting_choices, decodings, strategies)
def test_no_word_is_lost_and_none_is_heard_twice(
    schedule: list[Action], setting: Setting, decoding: dict[str, Any], strategy: str
) -> None:
    done = play(schedule, setting, strategy=strategy, **decoding)
    assert sorted(words_of(said_by_the_user(done.stage))) == all_words(done)


@settings(max_examples=40)
@given(actions(*SAFE), setting_choices, decodings, st.sampled_from(["duo", "listen", "turn"]))
def test_every_word_is_pending_or_was_decided(
    schedule: list[Action], setting: Setting, decoding: dict[str, Any], strategy: str
) -> None:
    """Also in the midst of things, where a decision may wait to be confirmed."""
    done = play(schedule, setting, strategy=strategy, finishes=False, **decoding)
    state = done.stage.session.state
    said = f"{said_by_the_user(done.stage)} {state.utterance.text}"
    if state.decision is not None and state.decision.place is None:
        said += f" {state.decision.text}"
    assert sorted(words_of(said)) == all_words(done)


def said_by_the_user(stage: Stage) -> str:
    return " ".join(text for role, text, _ in stage.entries if role is Role.USER)


def all_words(done: Play) -> list[str]:
    return sorted(f"w{number}x" for number in range(1, done.num_words + 1))


@settings(max_examples=60)
@given(actions(*UNCORRECTED), setting_choices, decodings, agreeing)
def test_trunk_and_transcript_agree(
    schedule: list[Action], setting: Setting, decoding: dict[str, Any], strategy: str
) -> None:
    """What is kept of a cut reply reads as just what was heard of it."""
    decoding["promotion"] = "rebase"
    if strategy == "listen":  # of a long reply the trunk keeps the end
        decoding["max_reply_tokens"] = 4_000
    done = play(schedule, setting, strategy=strategy, **decoding)
    assert done.stage.trunk == as_trunk(done.stage)


@settings(max_examples=40)
@given(actions(*ALL), setting_choices, decodings, strategies)
def test_responses_begin_and_end_once(
    schedule: list[Action], setting: Setting, decoding: dict[str, Any], strategy: str
) -> None:
    done = play(schedule, setting, strategy=strategy, **decoding)
    told = Told(told_chars=done.told_chars)
    for event in done.stage.events:
        told.take(event)
    awaited = {told.num_started} if strategy == "listen" else set()
    assert told.open_ids <= told.silent_ids | awaited, "only what waits is not over"


@dataclass(slots=True)
class Told:
    """What a client knows of the responses, who checks that it makes sense."""

    told_chars: dict[int, int]
    """What the caller itself said of them in the end."""
    num_started: int = 0
    open_ids: set[int] = field(default_factory=set)
    """Of which more may be told."""
    silent_ids: set[int] = field(default_factory=set)
    """That the player paused."""
    num_calls: int = 0
    cut_ids: set[int] = field(default_factory=set)
    num_chars: dict[int, int] = field(default_factory=dict)

    def take(self, event: ServerEvent) -> None:
        match event:
            case ResponseStarted(number):
                self.num_started += 1
                assert number == self.num_started
                assert not self.open_ids, "the one before it is done"
                self.open_ids.add(number)
                self.num_chars[number] = self.told_chars.get(number, 0)
            case ResponseDelta(number, text):
                assert number in self.open_ids - self.silent_ids
                assert text
                self.num_chars[number] += len(text)
            case ToolCall(call_id, number):
                assert number in self.open_ids - self.silent_ids
                self.num_calls += 1
                assert call_id == f"call_{self.num_calls}"
            case ResponseDone(number):
                self.open_ids.remove(number)
            case Interrupted(number, heard_chars):
                assert 0 <= heard_chars <= self.num_chars[number]
                self.silent_ids.discard(number)
                self.cut_ids.add(number)
            case ResponsePaused(number):
                assert number not in self.silent_ids
                self.silent_ids.add(number)
            case ResponseResumed(number, from_chars):
                assert 0 <= from_chars <= self.num_chars[number]
                if number not in self.told_chars:
                    self.num_chars[number] = from_chars
                self.silent_ids.discard(number)
                assert not self.open_ids - {number}
                if number in self.cut_ids:
                    self.cut_ids.remove(number)
                    self.open_ids.add(number)
            case _:
                pass


@settings(max_examples=40)
@given(actions(*ALL), setting_choices, decodings, st.sampled_from(["duo", "duo", "tdm", "turn"]))
def test_what_is_shown_is_what_the_tokens_say(
    schedule: list[Action], setting: Setting, decoding: dict[str, Any], strategy: str
) -> None:
    stage = play(schedule, setting, strategy=strategy, **decoding).stage
    reasons = {
        event.response_id: event.reason for event in stage.events if isinstance(event, ResponseDone)
    }
    replies = replies_by_journal(stage)
    for response_id, number in stage.reply_numbers.items():
        text, shown = stage.setup.tokenizer.decode(replies[number]), stage.shown(response_id)
        text = text.partition("<call>")[0] if stage.setup.tools else text
        match reasons.get(response_id):
            case EndReason.STOP | EndReason.LENGTH:
                assert shown == text
            case EndReason.STOP_STRING:
                strings = list(setting.stop_strings)
                assert shown == until_a_string_is_complete(text, strings) != text
            case _:
                assert text.startswith(shown)


def replies_by_journal(stage: Stage) -> dict[int, list[int]]:
    """The tokens of each reply, by the number that it has in the lane.

    What it said in the slice that cut it was not said, should it go on.
    """
    lane = stage.setup.new_lane()
    replies: dict[int, list[int]] = {}
    for step in stage.steps:
        if isinstance(step, Promote) and step.aside_tokens is not None:
            del replies[lane.reply_number][step.aside_tokens :]
        lane.apply(step)
        if isinstance(step, Say):
            replies[lane.reply_number] += step.tokens
        elif isinstance(step, Begin) or (isinstance(step, Promote) and step.answer):
            replies[lane.reply_number] = []
    return replies


@settings(max_examples=40)
@given(actions(Deed.SAY, Deed.COMMIT, Deed.WAIT), st.sampled_from(FLOORS), decodings)
def test_a_schedule_tells_the_same_story_with_and_without_its_cells(
    schedule: list[Action], floor: FloorSettings, decoding: dict[str, Any]
) -> None:
    def story_of(schedule: list[Action]) -> Play:
        return play(schedule, Setting(floor=floor), **decoding)

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
    strategy = "listen" if deed is Deed.TELL else "duo"
    setting = Setting(tools=TOOLS if deed is Deed.RESULT else ())
    if deed is Deed.RESULT:
        before = [*before, *[Action(Deed.TICK, 0)] * 20]
    untouched = play(before + flying, setting, finishes=False, strategy=strategy)
    touched = play(before + flying + after, setting, finishes=False, strategy=strategy)
    assert vars_of(untouched) != vars_of(touched)


def vars_of(done: Play) -> tuple[object, ...]:
    stage = done.stage
    told = (stage.story, stage.entries, stage.session.utterance)
    waiting = (len(stage.session.state.notes), len(stage.session.state.waiting))
    return (*told, *waiting, len(stage.slices), stage.clock.now_ms())
