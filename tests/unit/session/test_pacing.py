"""Replies that are computed at the pace at which they are listened to."""

from dataclasses import replace
from typing import Any

import pytest

from duologue.lane.steps import Say
from duologue.session.chronicle import Checkpoint, Chronicle
from duologue.session.pace import Listener
from duologue.session_config import SessionConfig
from duologue.wire.checkpoints import checkpoint_from_bytes, checkpoint_to_bytes
from duologue.wire.journal import entry_from_bytes
from tests.unit.session.recorded import SESSION_ID, RecordedStage
from tests.unit.session.scripted_engine import Reciter
from tests.unit.session.stage import CONFIRMED, Setting, Stage, chat_of
from tests.unit.text.tiny_tokenizers import byte_level

LONG = "I am quite well today, thank you for asking me. " * 6
PACED: dict[str, Any] = {"reply_tokens_per_second": 12.0, "reply_ahead_tokens": 12}


def asked(setting: Setting | None = None, reply: str = LONG, **decoding: Any) -> RecordedStage:
    """The reply has begun with this tick's slice."""
    tokenizer = byte_level()
    (stop_token,) = chat_of(tokenizer).stop_tokens
    model = Reciter(tokenizer, stop_token, (reply,))
    stage = RecordedStage(setting, model=model, **{**PACED, **decoding})
    stage.say("How are you?")
    stage.tick()
    return stage


def num_said(stage: Stage) -> int:
    """Tokens of all replies so far."""
    return sum(len(step.tokens) for step in stage.steps if isinstance(step, Say))


def slices_said(stage: Stage) -> list[int]:
    """Reply tokens of each slice."""
    return [
        sum(len(step.tokens) for step in result.steps if isinstance(step, Say))
        for result in stage.results
    ]


def test_the_slice_of_the_query_returns_with_the_first_text() -> None:
    stage = asked()
    assert slices_said(stage) == [2]  # of "I" alone it is not known whether more of it follows
    assert stage.shown(1) == "I "
    assert stage.results[0].num_forwards == 3


@pytest.mark.parametrize("strategy", ["duo", "tdm", "turn"])
def test_it_does_so_with_every_strategy(strategy: str) -> None:
    stage = asked(strategy=strategy, reply_tokens_per_slice=9)
    stage.tick(5)  # patience decides for `turn`
    idle = strategy == "tdm"
    assert [count for count in slices_said(stage) if count][:2] == [2, 9 + idle]


def test_a_reply_has_a_lead_and_then_goes_on_as_it_is_listened_to() -> None:
    stage = asked()
    began_ms = stage.clock.now_ms()
    for _ in range(60):
        stage.tick()
        passed_s = (stage.clock.now_ms() - began_ms) / 1000
        assert 12 * passed_s < num_said(stage) + (stage.clock.now_ms() - began_ms < 500) * 12
        assert num_said(stage) <= 12 + 12 * passed_s
        assert stage.shown(1) == LONG[: len(stage.shown(1))]
    assert max(slices_said(stage)) == stage.setup.decoding.reply_tokens_per_slice


def test_it_takes_no_more_slices_than_as_fast_as_slices_go() -> None:
    paced, hasty = asked(), asked(reply_tokens_per_second=0.0)
    for stage in (paced, hasty):
        stage.settle(max_ticks=400)
        assert stage.shown(1) == LONG
    assert len(paced.slices) <= len(hasty.slices) * 1.1
    assert paced.clock.now_ms() > 1.8 * hasty.clock.now_ms()


def test_nothing_is_asked_for_while_the_lead_lasts() -> None:
    stage = asked()
    stage.ack(1, 1)
    stage.tick(12)
    stage.ack(1, 2)  # a player that hardly goes on
    num_slices = len(stage.slices)
    stage.tick(2)
    assert len(stage.slices) == num_slices
    due_ms = stage.session.pending(stage.clock.now_ms()).slice_ms
    assert due_ms is not None
    assert due_ms > stage.clock.now_ms()
    stage.wait(due_ms - stage.clock.now_ms())
    assert stage.depart() is not None


def test_a_player_that_has_come_to_the_end_gets_more_at_once() -> None:
    stage = asked()
    for _ in range(20):
        stage.ack(1, len(stage.shown(1)))
        stage.tick()
    full = stage.setup.decoding.reply_tokens_per_slice
    assert slices_said(stage) == [2] + [full] * 20


def test_a_player_that_begins_when_all_is_there_gets_all() -> None:
    stage = asked()
    stage.change(SessionConfig(reports_playback=True))
    stage.tick(200)
    assert stage.shown(1) == LONG


def test_what_is_held_back_is_a_lead_at_the_most() -> None:
    setting = Setting(
        floor=replace(
            CONFIRMED, confirm_after_ms=5_000, confirm_soon_above=1.0, held_reply_tokens=24
        )
    )
    stage = asked(setting, continues_within_ms=1200)
    stage.tick(20)
    assert stage.session.response is not None
    assert stage.session.response.response_id == 0
    assert num_said(stage) == 12
    assert stage.session.pending(stage.clock.now_ms()).slice_ms is None
    less = replace(setting, floor=replace(setting.floor, held_reply_tokens=5))
    stage = asked(less, continues_within_ms=1200)
    stage.tick(20)
    assert num_said(stage) == 5


def test_a_reply_of_which_nothing_can_be_shown_goes_on() -> None:
    stage = asked(Setting(stop_strings=("I am quite wanting",)), reply_ahead_tokens=1)
    assert stage.shown(1) == ""
    stage.settle(max_ticks=400)
    assert stage.shown(1) == LONG


def hear_with_lead(stage: Stage, lead_tokens: int, segment_id: str) -> int:
    """The player has so many tokens left when the user says something; returns how many tokens the
    next tick's slice adds."""
    response = stage.session.response
    assert response is not None
    ends, before = response.stream.token_ends, num_said(stage)
    stage.ack(1, ends[before - lead_tokens - 1])
    stage.say("mhm", segment_id)
    stage.tick()
    assert stage.results[-1].judgement is not None
    return num_said(stage) - before


def test_a_slice_that_has_something_to_hear_says_what_the_pace_allows() -> None:
    stage = asked()
    stage.tick(12)
    assert hear_with_lead(stage, 11, "b") == 2  # 1 and 1.92 that are listened to until then
    assert hear_with_lead(stage, 12, "c") == 1
    assert hear_with_lead(stage, 14, "d") == 0
    assert stage.slices[-1].pauses
    assert hear_with_lead(stage, 1, "e") == stage.setup.decoding.reply_tokens_per_slice


def test_the_time_of_a_silence_is_not_made_up_for() -> None:
    stage = asked()
    stage.tick(10)
    stage.say("hush", "b")
    stage.tick()
    assert "1 pauses" in stage.story
    before = num_said(stage)
    stage.tick(100)
    assert num_said(stage) == before
    stage.say("go on", "c", is_final=True)
    stage.tick(8)
    assert "1 resumes" in stage.story
    assert before < num_said(stage) <= before + 12 + 8 * 2


def test_a_session_that_was_lost_goes_on_at_its_pace() -> None:
    calm, lost = asked(), asked()
    for number in range(40):
        calm.tick()
        lost.tick()
        if number % 7 == 3:
            lost.crash()
    assert slices_said(lost) == slices_said(calm)
    assert lost.shown(1) == calm.shown(1)


def test_a_journal_of_slices_that_were_asked_for_faster_is_read() -> None:
    """As it was written before there was a pace, or by a session that had another one."""
    hasty = asked(reply_tokens_per_second=0.0)
    hasty.tick(30)
    again = Chronicle.restore(asked().first_setup, SESSION_ID, 1, None)
    for data in hasty.entries_kept:
        again.replay(*entry_from_bytes(data, SESSION_ID))
    assert again.session.response is not None
    assert again.session.response.shown_text == hasty.shown(1)
    assert len(hasty.shown(1)) > 100
    assert again.session.setup.decoding.reply_tokens_per_second == 12


def test_a_checkpoint_that_does_not_tell_where_the_listener_is_goes_on_from_what_was_shown() -> (
    None
):
    stage = asked()
    stage.tick(20)
    stage.crash()
    now_ms = stage.clock.now_ms()
    kept = Chronicle(stage.session)
    written = kept.next_write()
    assert isinstance(written, Checkpoint)
    assert written.state.response is not None
    written.state.response.listener = None
    read = checkpoint_from_bytes(checkpoint_to_bytes(written))
    again = Chronicle.restore(stage.first_setup, "session", 2, read)
    response = again.session.response
    assert response is not None
    shown = response.stream.split_at(len(stage.shown(1)))
    assert response.last_heard == Listener(response.active_ms, shown.keep_tokens)
    assert again.pending(now_ms).slice_ms is not None


def test_a_client_may_want_it_as_fast_as_slices_go() -> None:
    stage = asked()
    stage.change(SessionConfig(reply_tokens_per_second=0.0))
    stage.tick(10)
    assert slices_said(stage)[1:] == [4] * 10
