"""What was written down gives the session again, whatever was happening to it."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from duologue.floor_settings import FloorSettings, ListeningSettings
from duologue.session.setup import SessionSetup
from duologue.session.transcript import Outcome, Role
from duologue.settings import ReplySamplingSettings
from duologue.states import State
from tests.unit.session.recorded import RecordedStage, fingerprint, play_recorded
from tests.unit.session.schedules import Action, Deed, actions, settings_of_sessions, words_of
from tests.unit.session.stage import Setting
from tests.unit.session.test_properties import decodings, strategies

ALL = tuple(Deed)
SAFE = tuple(deed for deed in Deed if deed is not Deed.REVISE)
OF_FEW_BYTES = tuple(deed for deed in Deed if deed not in (Deed.NOTE, Deed.ASK, Deed.RESULT))
"""Texts of the others stand in an entry as they came."""


@settings(max_examples=25)
@given(actions(*ALL), settings_of_sessions, decodings, strategies, st.integers(1, 9))
def test_a_session_lost_at_any_moment_goes_on_as_if_nothing_had_been(
    schedule: list[Action], setting: Setting, decoding: dict[str, Any], strategy: str, every: int
) -> None:
    """Slices, and events with their numbers, are those of the session that was never lost."""
    calm = play_recorded(schedule, setting, strategy=strategy, **decoding)
    lost = play_recorded(schedule, setting, every=every, strategy=strategy, **decoding)
    assert story_of(lost) == story_of(calm)


@settings(max_examples=25)
@given(actions(*ALL), settings_of_sessions, decodings, strategies, st.integers(1, 9))
def test_also_across_checkpoints(
    schedule: list[Action], setting: Setting, decoding: dict[str, Any], strategy: str, every: int
) -> None:
    how = {"strategy": strategy, **decoding}
    calm = play_recorded(schedule, setting, **how)
    lost = play_recorded(schedule, setting, every=every, checkpoints=1, **how)
    assert story_of(lost) == story_of(calm)


@settings(max_examples=30)
@given(actions(*ALL), settings_of_sessions, decodings, strategies)
def test_what_is_set_elsewhere_by_now_changes_no_replay(
    schedule: list[Action], setting: Setting, decoding: dict[str, Any], strategy: str
) -> None:
    """A session is held by the terms that it began with, and by what its client changed of them."""
    stage = play_recorded(schedule, setting, strategy=strategy, **decoding)
    again = stage.restored(stage.session.epoch, other_setup(stage.first_setup))
    now_ms = stage.clock.now_ms()
    assert fingerprint(again, now_ms) == fingerprint(stage.chronicle, now_ms)


def other_setup(setup: SessionSetup) -> SessionSetup:
    """All that can be set, set otherwise; of the same words."""
    decoding = replace(
        setup.decoding,
        strategy="turn" if setup.decoding.strategy == "duo" else "duo",
        system_prompt="Be long.",
        promotion="rebase" if setup.decoding.promotion == "branch" else "branch",
        reconsider_after_ms=5_000,
        decide_after_ms=20_000,
        continues_within_ms=3_000,
        max_reply_tokens=3,
        reply_tokens_per_slice=2,
    )
    return replace(
        setup,
        max_positions=5_000,
        thresholds={State.QUERY: 0.01, State.NON_QUERY: 0.99, State.HOLD: 0.99},
        decoding=decoding,
        sampling=ReplySamplingSettings(stop_strings=("a", "o")),
        floor=FloorSettings(mode="eager" if setup.holds_replies else "confirmed", late_ack_ms=0),
        listening=ListeningSettings(late_text_ms=0, last_limit_ms=0, echo_words=2, noise_tags=()),
        max_utterance_chars=10,
        reports_playback=True,
    )


@settings(max_examples=40)
@given(actions(*ALL), settings_of_sessions, decodings, strategies, st.integers(1, 9))
def test_a_batcher_lost_at_any_moment_loses_nothing_that_was_said_or_heard(
    schedule: list[Action], setting: Setting, decoding: dict[str, Any], strategy: str, every: int
) -> None:
    stage = play_recorded(
        schedule,
        setting,
        every=every,
        checkpoints=2,
        harm="take_over",
        strategy=strategy,
        **decoding,
    )
    assert stage.session.utterance == ""
    for entry in stage.transcript_kept:
        if entry.role is Role.ASSISTANT and entry.outcome not in (Outcome.NOTED, Outcome.CALLED):
            assert entry.response_id is not None
            has_shown = strategy != "listen"  # else the caller said it
            assert not has_shown or stage.shown(entry.response_id).startswith(entry.text)
    epochs = [envelope.epoch for envelope in stage.envelopes]
    assert epochs == sorted(epochs)


@settings(max_examples=30)
@given(actions(*SAFE), settings_of_sessions, decodings, strategies, st.integers(1, 9))
def test_no_word_is_lost_with_a_batcher_and_none_is_heard_twice(
    schedule: list[Action], setting: Setting, decoding: dict[str, Any], strategy: str, every: int
) -> None:
    how = {"strategy": strategy, **decoding}
    stage = play_recorded(schedule, setting, every=every, checkpoints=2, harm="take_over", **how)
    texts = [entry.text for entry in stage.transcript_kept if entry.role is Role.USER]
    num_words = sum(action.deed in (Deed.SAY, Deed.END) for action in schedule)
    assert sorted(words_of(" ".join(texts))) == sorted(
        f"w{number}x" for number in range(1, num_words + 1)
    )


@settings(max_examples=30)
@given(st.integers(1, 6), settings_of_sessions, decodings, strategies, st.integers(1, 9))
def test_a_reply_is_word_for_word_the_same_whenever_batchers_are_lost(
    num_words: int, setting: Setting, decoding: dict[str, Any], strategy: str, every: int
) -> None:
    if strategy == "tdm":  # an idle token in each slice: when they come is a part of the text
        decoding = {**decoding, "reply_tokens_per_second": 0}
    said = [*[Action(Deed.SAY, 0)] * (num_words - 1), Action(Deed.SAY, 3)]
    schedule = [*said, *[Action(Deed.DEPART, 0), Action(Deed.TICK, 0)] * 12]
    how = {"strategy": strategy, **decoding}
    calm = play_recorded(schedule, setting, **how)
    lost = play_recorded(schedule, setting, every=every, harm="take_over", **how)
    assert lost.num_abandoned > 0 or every > 1
    assert lost.shown(1) == calm.shown(1)
    assert lost.transcript_kept == calm.transcript_kept
    assert lost.trunk == calm.trunk


@settings(max_examples=30)
@given(actions(*OF_FEW_BYTES), settings_of_sessions, decodings, strategies)
def test_a_journal_entry_takes_few_bytes(
    schedule: list[Action], setting: Setting, decoding: dict[str, Any], strategy: str
) -> None:
    stage = play_recorded(schedule, setting, strategy=strategy, **decoding)
    assert max(stage.entry_sizes, default=0) <= 400


def story_of(stage: RecordedStage) -> tuple[object, ...]:
    return (stage.slices, stage.envelopes, stage.transcript_kept, stage.chronicle.usage)
