"""From what is told of replies to frames, without a platform: what goes out in which order."""

from pipecat.frames.frames import Frame, InterruptionFrame, LLMFullResponseEndFrame, LLMTextFrame

from duologue_pipecat.frames import ReplyStartFrame
from duologue_pipecat.replies import MAX_KEPT, Replies

BEGIN, END, CUT = "begin", "end", "cut"


def shown(frames: list[Frame]) -> list[str]:
    return [_shown(frame) for frame in frames]


def _shown(frame: Frame) -> str:
    match frame:
        case ReplyStartFrame():
            return BEGIN
        case LLMTextFrame():
            return frame.text
        case LLMFullResponseEndFrame():
            return END
        case InterruptionFrame():
            return CUT
        case _:
            raise AssertionError(frame)


def begun(*texts: str, reports_playback: bool = True) -> tuple[Replies, list[str]]:
    replies = Replies(reports_playback=reports_playback)
    replies.began("a")
    return replies, [each for text in texts for each in shown(replies.told("a", text))]


def test_a_reply_begins_with_its_first_text_and_ends_once() -> None:
    replies, frames = begun("one ", "two")
    assert [*frames, *shown(replies.was_whole("a"))] == [BEGIN, "one ", "two", END]
    assert replies.was_whole("a") == []


def test_a_reply_without_text_is_no_reply() -> None:
    replies, _ = begun()
    assert replies.was_whole("a") == []
    assert replies.interrupted("a") == []


def test_text_waits_through_a_pause() -> None:
    replies, _ = begun("one ")
    assert replies.paused("a") == []
    assert replies.told("a", "two ") == []
    assert replies.was_whole("a") == []
    assert shown(replies.resumed("a", 8)) == ["two ", END]


def test_text_that_comes_again_is_not_said_again() -> None:
    replies, _ = begun("one two ")
    replies.paused("a")
    assert replies.resumed("a", 4) == []
    assert shown(replies.told("a", "two three")) == ["three"]


def test_a_cut_silences_what_is_being_played() -> None:
    replies, _ = begun("one ")
    assert shown(replies.interrupted("a")) == [CUT, END]
    assert replies.was_whole("a") == []


def test_a_cut_silences_a_reply_whose_text_is_complete() -> None:
    replies, _ = begun("one two")
    replies.was_whole("a")
    assert shown(replies.interrupted("a")) == [CUT]


def test_a_reply_that_was_heard_to_its_end_is_not_cut() -> None:
    replies, _ = begun("one two ")
    replies.was_whole("a")
    reply = replies.in_the_air
    assert reply is not None
    reply.heard.spoke("one two")
    assert replies.in_the_air is None
    assert replies.interrupted("a") == []


def test_hold_silences_and_what_was_not_heard_is_said_later() -> None:
    for is_state_first in (True, False):
        replies, _ = begun("one two ", "three")
        reply = replies.in_the_air
        assert reply is not None
        reply.heard.spoke("one")
        if is_state_first:
            assert replies.judged("hold") == []
            frames = replies.paused("a")
        else:
            assert replies.paused("a") == []
            frames = replies.judged("hold")
        assert shown(frames) == [CUT, END]
        assert replies.judged("hold") == []
        assert shown(replies.resumed("a", 13)) == [BEGIN, " two three"]


def test_a_cut_behind_hold_has_nothing_more_to_silence() -> None:
    replies, _ = begun("one two ")
    replies.paused("a")
    replies.judged("hold")
    assert replies.interrupted("a") == []


def test_without_reports_hold_keeps_only_the_text_back() -> None:
    replies, _ = begun("one ", reports_playback=False)
    replies.paused("a")
    assert replies.judged("hold") == []
    replies.told("a", "two")
    assert shown(replies.resumed("a", 7)) == ["two"]


def test_a_new_reply_ends_the_frames_of_an_older_one() -> None:
    replies, _ = begun("one ")
    replies.began("b")
    assert shown(replies.told("b", "two")) == [END, BEGIN, "two"]


def test_an_interruption_from_elsewhere_ends_the_reply() -> None:
    replies, _ = begun("one ")
    assert shown(replies.dropped()) == [END]
    assert replies.in_the_air is None
    assert replies.told("a", "two") == []
    assert replies.interrupted("a") == []


def test_replies_that_nobody_knows_are_passed_over() -> None:
    replies = Replies(reports_playback=True)
    assert replies.told("x", "one") == []
    assert replies.was_whole("x") == []
    assert replies.paused("x") == []
    assert replies.resumed("x", 0) == []
    assert replies.interrupted("x") == []
    assert replies.dropped() == []


def test_their_number_is_bounded() -> None:
    replies = Replies(reports_playback=True)
    for number in range(MAX_KEPT + 1):
        replies.began(f"{number}")
    assert replies.known("0") is None
    assert replies.known("1") is not None
