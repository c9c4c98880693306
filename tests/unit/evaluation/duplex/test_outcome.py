"""What became of a line: made-up conversations, of which every figure is known."""

from duologue.evaluation.duplex.acts import Act
from duologue.evaluation.duplex.outcome import Label, outcomes
from duologue.evaluation.duplex.scenario import Line
from duologue.lane.steps import EndReason
from tests.unit.evaluation.duplex.records import QUERY, cut, during, overlap, record, reply

RUNNING = reply(1, 4200)


def test_latency_runs_from_the_last_word_to_the_first_text() -> None:
    late = reply(1, 4100)
    late.first_text_ms = 4350
    [query] = outcomes(record((QUERY, 0), late))
    assert query.response is late
    assert query.response_latency_ms == 350
    assert query.failures == []
    assert query.label is None, "nothing was being said"


def test_a_reply_that_comes_late_or_says_nothing_or_is_taken_back_is_none() -> None:
    for missed in (
        reply(1, 8100),
        reply(1, 4200, 4300, text=""),
        reply(1, 4200, 4300, is_taken_back=True),
    ):
        [query] = outcomes(record((QUERY, 0), missed))
        assert query.response is None
        assert query.response_latency_ms is None
        assert query.failures == ["respond 2000"]


def test_a_reply_after_the_window_of_the_scenario_fails_but_is_a_response() -> None:
    [query] = outcomes(record((QUERY, 0), reply(1, 6500)))
    assert query.response_latency_ms == 2500
    assert query.failures == ["respond 2000"]


def test_a_reply_to_the_next_line_is_none_to_this_one() -> None:
    first, second = outcomes(record((QUERY, 0), (QUERY, 4500), reply(1, 8600)))
    assert first.response is None
    assert second.response_latency_ms == 100


def test_an_interruption_is_yielded_and_answered() -> None:
    found = overlap(Act.INTERRUPTION, cut(1, 4200, 8200), reply(2, 8200))
    assert found.fell_into is not None
    assert found.cut_ms == 8200
    assert found.yields_within(2 * 160)
    assert not found.yields_within(199)
    assert not found.yields_within(2000, of_start=True)
    assert found.label is Label.RESPOND
    assert found.response_latency_ms == 200
    assert found.failures == []


def test_an_early_yield_is_one_too() -> None:
    found = overlap(Act.INTERRUPTION, cut(1, 4200, 6900), reply(2, 8200))
    assert found.yields_within(0)
    assert found.yields_within(2000, of_start=True)


def test_a_yield_after_two_ticks_fails() -> None:
    found = overlap(Act.INTERRUPTION, cut(1, 4200, 8500), reply(2, 8500))
    assert not found.yields_within(2 * found.tick_ms)
    assert found.failures == ["yield 320"]


def test_speaking_on_over_an_interruption_fails() -> None:
    found = overlap(Act.INTERRUPTION, RUNNING)
    assert found.cut_ms is None
    assert found.label is Label.RESUME
    assert found.failures == ["respond 2000", "yield 320"]


def test_a_reply_that_ends_by_itself_was_not_yielded_and_not_refused() -> None:
    found = overlap(Act.INTERRUPTION, reply(1, 4200, 7000), reply(2, 8100))
    assert found.ended_by_itself
    assert found.failures == []
    long_after = overlap(Act.INTERRUPTION, reply(1, 4200, 9000))
    assert not long_after.ended_by_itself


def test_carrying_on_is_neither_being_cut_nor_saying_anything_new() -> None:
    assert overlap(Act.BACKCHANNEL, RUNNING).failures == []
    assert overlap(Act.BACKCHANNEL, RUNNING).label is Label.RESUME
    assert overlap(Act.BACKCHANNEL, reply(1, 4200, 7000)).failures == []
    was_cut = overlap(Act.BACKCHANNEL, cut(1, 4200, 9900))
    assert was_cut.failures == ["carry_on 2000"]
    assert was_cut.label is Label.SILENT
    answered = overlap(Act.BACKCHANNEL, reply(1, 4200, 7000), reply(2, 9000))
    assert answered.failures == ["carry_on 2000"]
    assert answered.label is Label.RESPOND
    much_later = overlap(Act.BACKCHANNEL, reply(1, 4200, 7000), reply(2, 10_100))
    assert much_later.failures == []


def test_a_taken_back_reply_does_not_carry_on() -> None:
    found = overlap(Act.BACKGROUND, RUNNING, reply(2, 7000, 7400, is_taken_back=True))
    assert found.failures == ["carry_on 2000"]
    assert found.label is Label.RESUME


def test_a_hold_stops_the_reply_and_keeps_the_silence() -> None:
    assert overlap(Act.HOLD, cut(1, 4200, 8100)).failures == []
    assert overlap(Act.HOLD, cut(1, 4200, 8100)).label is Label.SILENT
    assert overlap(Act.HOLD, RUNNING).failures == ["yield 320"]
    assert overlap(Act.HOLD, cut(1, 4200, 8100), reply(2, 8100)).failures == ["stay_silent 2000"]


def test_silence_is_to_be_kept_where_nothing_is_being_said() -> None:
    tic = Line("um", does=Act.VOCAL_TIC)
    assert outcomes(record((tic, 0)))[0].failures == []
    assert outcomes(record((tic, 0), reply(1, 700)))[0].failures == ["stay_silent 2000"]
    assert outcomes(record((tic, 0), reply(1, 700)))[0].is_scored


def test_a_line_that_missed_the_reply_is_not_scored() -> None:
    missed = overlap(Act.BACKCHANNEL, reply(1, 4200, 5900))
    assert missed.fell_into is None
    assert not missed.is_scored
    assert missed.label is None
    assert overlap(Act.BACKCHANNEL, RUNNING).is_scored


def test_replies_inside_a_line_are_told_from_those_behind_it() -> None:
    taken_back, kept = reply(1, 2000, 2400, is_taken_back=True), reply(2, 4000)
    [query] = outcomes(record((QUERY, 0), taken_back, kept))
    assert query.inside == (taken_back,)
    assert query.after == (kept,)
    assert query.standing is None


def test_a_reply_to_a_part_that_goes_on_stands() -> None:
    part = reply(1, 3000)
    [query] = outcomes(record((QUERY, 0), part))
    assert query.standing is part
    assert query.response is None
    assert query.failures == ["respond 2000"]
    [query] = outcomes(record((QUERY, 0), cut(1, 3000, 4200), reply(2, 4200)))
    assert query.standing is None, "the whole was answered after all"
    assert query.response_latency_ms == 200


def test_takeovers_are_replies_in_a_pause() -> None:
    line = Line("one | pause 1500 | two three", does=Act.PAUSE, words_per_minute=60)
    for started_ms, is_takeover in ((999, False), (1000, True), (3400, True), (3600, False)):
        [outcome] = outcomes(record((line, 0), reply(1, started_ms)))
        assert bool(outcome.takeovers) == is_takeover, started_ms


def test_a_line_in_no_hurry_of_its_own() -> None:
    """An expectation that the scenario states replaces the usual one."""
    strict = Line("hello", expect=during(Act.BACKCHANNEL).expected)
    [found] = outcomes(record((strict, 0), reply(1, 500 + 300, end=EndReason.LENGTH)))
    assert found.failures == ["carry_on 2000"]
