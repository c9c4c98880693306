"""Replies that pause, go on and are played, and lines in the transcript: made-up conversations."""

from dataclasses import replace

import pytest

from duologue.evaluation.duplex.acts import Act, Expectation
from duologue.evaluation.duplex.outcome import Label, LineOutcome, outcomes
from duologue.evaluation.duplex.panel import Panel
from duologue.evaluation.duplex.record import Record, RecordedReply
from duologue.evaluation.duplex.scenario import Line
from duologue.evaluation.duplex.story import picture, tell
from duologue.lane.steps import EndReason
from duologue.session.transcript import Outcome, Role
from duologue.talk.script import After
from tests.unit.evaluation.duplex.records import (
    QUERY,
    cut,
    during,
    overlap,
    paused,
    record,
    reply,
    said,
)

GO_ON = Line("go on", does=Act.GO_ON, words_per_minute=60)


def test_a_reply_yields_when_it_falls_silent_and_is_then_cut() -> None:
    made = paused(reply(1, 4200), 8100)
    made.finish(9000, EndReason.INTERRUPTED)
    found = overlap(Act.INTERRUPTION, made, reply(2, 9000))
    assert found.cut_ms == 8100
    assert found.failures == []


def test_a_silence_that_ended_was_no_yield() -> None:
    found = overlap(Act.INTERRUPTION, paused(reply(1, 4200), 8100, 8400))
    assert found.cut_ms is None
    assert found.failures == ["respond 2000", "yield 320"]
    assert found.label is Label.RESUME


def test_a_hold_yields_though_the_reply_goes_on_later() -> None:
    made = paused(reply(1, 4200), 8100, 12_500)
    played = record((QUERY, 0), (during(Act.HOLD), 6000), (GO_ON, 10_000), made)
    _, hold, go_on = outcomes(played)
    assert hold.failures == []
    assert hold.label is Label.SILENT
    assert go_on.before is made
    assert go_on.is_scored
    assert go_on.failures == []


def test_a_short_silence_does_not_break_off() -> None:
    assert overlap(Act.BACKCHANNEL, paused(reply(1, 4200), 7000, 7320)).failures == []
    too_long = overlap(Act.BACKCHANNEL, paused(reply(1, 4200), 7000, 7321))
    assert too_long.failures == ["carry_on 2000"]
    for_good = overlap(Act.BACKCHANNEL, paused(reply(1, 4200), 9900))
    assert for_good.failures == ["carry_on 2000"]
    long_before = overlap(Act.BACKCHANNEL, paused(reply(1, 4200), 4500, 5500))
    assert long_before.failures == []


def test_what_the_next_line_silences_did_not_break_off_before() -> None:
    made = paused(reply(1, 4200), 9000)
    lines = ((QUERY, 0), (during(Act.BACKCHANNEL), 6000), (during(Act.INTERRUPTION), 8600))
    _, backchannel, interruption = outcomes(record(*lines, made))
    assert backchannel.failures == []
    assert interruption.cut_ms == 9000
    early = outcomes(record(*lines, paused(reply(1, 4200), 8500)))[1]
    assert early.failures == ["carry_on 2000"]


def held(*replies: RecordedReply) -> LineOutcome:
    """What became of a "go on" from 10 to 12 s."""
    return outcomes(record((QUERY, 0), (during(Act.HOLD), 6000), (GO_ON, 10_000), *replies))[-1]


def test_going_on_is_the_same_reply_and_in_time() -> None:
    assert held(paused(reply(1, 4200), 8100)).failures == ["resume 1500"]
    assert held(paused(reply(1, 4200), 8100, 13_600)).failures == ["resume 1500"]
    anew = held(paused(reply(1, 4200), 8100, 12_100), reply(2, 12_100))
    assert anew.failures == ["resume 1500"]
    assert not held(reply(1, 4200, 7000)).is_scored, "nothing was held"


def test_a_reply_that_was_cut_comes_back_as_it_was() -> None:
    made = cut(1, 4200, 7000)
    made.text = "Once upon a time"
    made.told_heard_chars = 9
    made.go_on(8300, from_chars=9)
    assert (made.text, made.ended_ms, made.was_cut) == ("Once upon", None, False)
    made.text += " a time there"
    found = overlap(Act.RESUME, made)
    assert found.failures == []
    assert Panel.of([record((QUERY, 0), made)]).paused_and_resumed.values == (1300,)
    made.text = "Once upon the sea"
    assert overlap(Act.RESUME, made).failures == ["resume 2000"]


def with_transcript(played: Record, *texts: str) -> LineOutcome:
    played.transcript = tuple(said(Role.USER, text) for text in texts)
    return outcomes(played)[-1]


def test_a_turn_is_one_entry_of_the_transcript() -> None:
    one = Line("tell me | final 500 | a story", does=Act.CONTINUATION, words_per_minute=60)
    answered = reply(1, 4700)
    assert with_transcript(record((one, 0), answered), "tell me a story").failures == []
    split = with_transcript(record((one, 0), answered), "tell me", "a story")
    assert split.is_split
    assert split.failures == ["entries 1"]
    assert with_transcript(record((one, 0), answered)).failures == ["entries 1"]


def test_entries_belong_to_the_line_in_which_they_came() -> None:
    played = record((QUERY, 0), (Line("[Music]", does=Act.NOISE), 9000), reply(1, 4200, 6000))
    played.lines[1] = replace(played.lines[1], num_entries_before=1)
    played.transcript = (said(Role.USER, "tell"), said(Role.ASSISTANT, "Once", 1))
    query, noise = outcomes(played)
    assert [entry.text for entry in query.entries] == ["tell"]
    assert noise.failures == []


def test_replies_are_counted_and_the_last_stands() -> None:
    late = Line('tell me | late 900 "Tell me." |', does=Act.LATE_TEXT, words_per_minute=60)
    whole = with_transcript(record((late, 0), reply(1, 2200)), "Tell me.")
    assert whole.failures == []
    twice = with_transcript(record((late, 0), cut(1, 2200, 3000), reply(2, 3000)), "Tell me.")
    assert twice.failures == ["replies 1"]
    broken = with_transcript(record((late, 0), cut(1, 2200, 3000)), "Tell me.")
    assert broken.failures == ["replies 1"]
    unseen = with_transcript(record((late, 0), reply(1, 2100, 2200, text=""), reply(2, 2300)), "x")
    assert unseen.failures == [], "what showed nothing was not seen"


def test_a_reply_after_one_that_was_taken_back_is_the_response() -> None:
    [query] = outcomes(record((QUERY, 0), reply(1, 4100, 4400, is_taken_back=True), reply(2, 4500)))
    assert query.response_latency_ms == 500


def play(made: RecordedReply, chars: int, until_ms: float | None = None) -> RecordedReply:
    made.text, made.played_chars, made.played_ms = "a" * 100, chars, until_ms
    return made


HEARD = replace(
    during(Act.PLAYBACK), expect=Expectation(heard=10), after=After.PREVIOUS, delay_ms=0
)


@pytest.mark.parametrize(("kept", "failures"), [(50, []), (41, []), (39, ["heard 10"])])
def test_the_transcript_says_what_was_heard(kept: int, failures: list[str]) -> None:
    made = play(cut(1, 4200, 8100), 50)
    played = record((QUERY, 0), (HEARD, 6000), made)
    played.transcript = (said(Role.ASSISTANT, "a" * kept, 1),)
    assert outcomes(played)[-1].failures == failures


def test_what_was_heard_to_its_end_is_complete() -> None:
    made = play(reply(1, 4200, 5000), 100, until_ms=5900)
    played = record((QUERY, 0), (HEARD, 6000), made)
    kept = said(Role.ASSISTANT, "a" * 98, 1)
    played.transcript = (kept,)
    assert outcomes(played)[-1].failures == ["heard 10"]
    played.transcript = (replace(kept, outcome=Outcome.COMPLETE),)
    assert outcomes(played)[-1].failures == []


def test_a_reply_is_given_for_as_long_as_it_is_played() -> None:
    played = record((QUERY, 0), (HEARD, 6000), play(reply(1, 4200, 5000), 30))
    assert outcomes(played)[-1].fell_into is played.replies[0]
    over = record((QUERY, 0), (HEARD, 6000), play(reply(1, 4200, 5000), 100, until_ms=5900))
    assert outcomes(over)[-1].fell_into is None


def test_figures_per_turn() -> None:
    taken_back = record((QUERY, 0), reply(1, 2000, 2500, is_taken_back=True), reply(2, 4100))
    unseen = record((QUERY, 0), reply(1, 2000, 2500, text="", is_taken_back=True), reply(2, 4900))
    split = record((QUERY, 0), reply(1, 4300))
    split.transcript = (said(Role.USER, "tell me"), said(Role.USER, "a story"))
    split.lines[0] = replace(split.lines[0], is_committed=True)
    taken_back.num_discarded_tokens, unseen.num_discarded_tokens = 12, 0
    panel = Panel.of([taken_back, unseen, split])
    assert panel.shown_withdrawn == pytest.approx(1 / 3)
    assert panel.replies == pytest.approx(4 / 3)
    assert (panel.split_turns.hits, panel.split_turns.total) == (1, 3)
    assert panel.discarded_tokens == pytest.approx(4)
    assert panel.latency(committed=False).values == (100, 900)
    assert panel.latency(committed=True).values == (300,)
    assert Panel.of([split]).discarded_tokens is None, "not counted"


def test_a_story_tells_of_silences() -> None:
    made = paused(reply(1, 4200), 8100, 8700)
    made.played_ms = 9000
    played = record((QUERY, 0), (during(Act.RESUME), 6000), made)
    told = "\n".join(tell(played))
    assert "8100 ms  reply ‖ 1 falls silent" in told
    assert "8700 ms  reply ▸ 1 goes on after 600 ms" in told
    assert "9000 ms  reply ♪ 1 was heard to its end" in told
    assert picture(played).count("#ffffff") == 1
