"""The last word before a reply and its first text, as they pass through a gateway."""

from duologue.gateway.reply_times import ReplyClock, ReplyTimes


def started(clock: ReplyClock, response_id: int, at_ms: float) -> None:
    clock.came("response_started", response_id, at_ms)
    clock.came("response_delta", response_id, at_ms + 1)


def told(clock: ReplyClock, response_id: int, at_ms: float) -> ReplyTimes | None:
    assert clock.told("response_started", response_id, at_ms) is None
    return clock.told("response_delta", response_id, at_ms)


def test_the_last_word_counts_and_each_reply_once() -> None:
    clock = ReplyClock()
    for number, at_ms in ((1, 100.0), (2, 200.0)):
        clock.said("input_append", number, at_ms)
        clock.sent(number, at_ms + 5)
    clock.said("playback_ack", 3, 300.0)
    clock.sent(3, 310.0)
    started(clock, 7, 400.0)
    assert told(clock, 7, 420.0) == ReplyTimes(7, 200.0, 205.0, 401.0, 420.0)
    assert told(clock, 7, 430.0) is None


def test_what_is_sent_again_to_another_actor_counts_from_then() -> None:
    clock = ReplyClock()
    clock.said("input_commit", 1, 100.0)
    clock.sent(1, 101.0)
    clock.sent(1, 900.0)
    started(clock, 1, 1000.0)
    assert told(clock, 1, 1002.0) == ReplyTimes(1, 100.0, 900.0, 1001.0, 1002.0)


def test_a_reply_that_nobody_asked_for_here_is_passed_over() -> None:
    clock = ReplyClock()
    started(clock, 1, 10.0)
    assert told(clock, 1, 11.0) is None
    clock.said("input_append", 1, 100.0)  # and never sent
    started(clock, 2, 110.0)
    assert told(clock, 2, 111.0) is None


def test_a_word_behind_the_decision_does_not_count() -> None:
    clock = ReplyClock()
    clock.said("input_append", 1, 100.0)
    clock.sent(1, 101.0)
    clock.came("response_started", 5, 200.0)
    clock.said("input_append", 2, 205.0)
    clock.came("response_delta", 5, 210.0)
    assert told(clock, 5, 211.0) == ReplyTimes(5, 100.0, 101.0, 210.0, 211.0)
