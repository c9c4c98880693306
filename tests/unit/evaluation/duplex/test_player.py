"""A client that plays replies: what it has said by when, and what it reports of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.errors import InvalidInput
from duologue.evaluation.duplex.playback import Begins, Playback
from duologue.evaluation.duplex.player import Player
from duologue.evaluation.duplex.record import RecordedReply
from duologue.events import PlaybackAck
from duologue.lane.steps import EndReason

TEXT = "a" * 40
TEN = Playback(chars_per_second=10, every_ms=500)


def begun(playback: Playback, text: str = TEXT) -> tuple[Player, RecordedReply]:
    player, reply = Player(playback), RecordedReply(1, 1000, text, 1000)
    player.begin(reply, 1000)
    return player, reply


def reports(player: Player, until_ms: float) -> list[tuple[float, int]]:
    """When reports arrive, and what they say."""
    found: list[tuple[float, int]] = []
    while (at_ms := player.next_ms) is not None and at_ms <= until_ms:
        found += [(at_ms, ack.heard_chars) for ack in player.arrived(at_ms)]
    return found


def test_it_says_the_text_at_its_rate() -> None:
    player, reply = begun(TEN)
    assert reports(player, 2500) == [(1500, 5), (2000, 10), (2500, 15)]
    reply.finish(2600, EndReason.STOP)
    assert reports(player, 9000)[-1] == (5000, 40)
    assert reply.played_ms == 5000
    assert player.next_ms is None


def test_it_waits_where_there_is_no_text() -> None:
    player, reply = begun(TEN, "a" * 10)
    assert reports(player, 4000)[-1] == (2000, 10)
    player.settle(4000)
    reply.text += "a" * 10
    assert reports(player, 5000) == [(4500, 15), (5000, 20)]
    assert reply.played_ms is None, "more may come"


def test_reports_are_on_their_way() -> None:
    player, _ = begun(Playback(10, 500, late_ms=300))
    player.settle(1600)
    player.fall_silent(1700)
    assert reports(player, 9000) == [(1800, 5), (2000, 7)]


def test_what_was_heard_stands_still_while_it_is_silent() -> None:
    player, reply = begun(TEN)
    player.fall_silent(2000)
    assert reply.played_chars == 10
    player.settle(9000)
    assert reply.played_chars == 10
    player.go_on(reply, 9000, from_chars=40)
    assert reports(player, 9500)[-1] == (9500, 15)


def test_text_that_is_given_again_is_said_again() -> None:
    player, reply = begun(TEN)
    player.fall_silent(3000)
    reply.text = TEXT[:12]
    player.go_on(reply, 4000, from_chars=12)
    player.settle(4000)
    assert reply.played_chars == 12


def test_some_never_report_the_end() -> None:
    player, reply = begun(Playback(10, 500, short_by=3))
    reply.finish(1200, EndReason.STOP)
    assert reports(player, 20_000)[-1] == (5000, 37)
    assert reply.played_chars == 40

    player, reply = begun(Playback(10, 500, stops_at=12))
    reply.finish(1200, EndReason.STOP)
    assert reports(player, 20_000)[-1] == (2500, 12)
    assert reply.played_ms == 5000


def test_some_begin_when_the_text_is_complete() -> None:
    player, reply = begun(Playback(10, 500, begins=Begins.REPLY_DONE))
    player.settle(2600)
    reply.finish(2600, EndReason.STOP)
    assert reports(player, 3000) == [(3000, 20)]


def test_a_new_reply_takes_the_place_of_the_old() -> None:
    player, first = begun(TEN)
    player.fall_silent(2000)
    player.arrived(2000)
    second = RecordedReply(2, 2500, TEXT, 2500)
    player.begin(second, 2500)
    assert list(player.arrived(3000)) == [PlaybackAck(2, 5)]
    assert (first.played_chars, second.played_chars) == (10, 5)


@given(
    st.lists(st.integers(1, 900), min_size=1, max_size=12),
    st.integers(1, 200),
    st.integers(0, 500),
)
def test_reports_only_grow_and_never_say_more_than_there_is(
    steps_ms: list[int], rate: int, late_ms: int
) -> None:
    player, reply = begun(Playback(rate, 100, late_ms=late_ms), "")
    now_ms, told = 1000.0, [0]
    for step_ms in steps_ms:
        now_ms += step_ms
        told += [ack.heard_chars for ack in player.arrived(now_ms)]
        assert told[-1] <= len(reply.text)
        reply.text += "a" * (step_ms % 50)
    assert told == sorted(told)


def test_impossible_players_are_refused() -> None:
    changes: list[dict[str, Any]] = [
        {"chars_per_second": 0},
        {"every_ms": 5},
        {"late_ms": -1},
        {"short_by": -1},
        {"stops_at": -1},
    ]
    for change in changes:
        with pytest.raises(InvalidInput, match=f"{next(iter(change))} must be from"):
            Playback(**change)
