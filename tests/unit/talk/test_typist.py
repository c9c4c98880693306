"""Whatever is typed, and whenever, the session has what stands in the line."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duologue.events import ClientEvent, InputAppend, InputCommit, InputRevise, ResponseCancel
from duologue.talk.keys import Key
from duologue.talk.typist import (
    CONTINUES_WITHIN_MS,
    MAX_EVENT_CHARS,
    MAX_LINE_CHARS,
    PAUSE_MS,
    Typist,
)


def typed(typist: Typist, text: str, now_ms: float = 0.0) -> list[ClientEvent]:
    return [event for char in text for event in typist.press(char, now_ms)]


def heard(events: Iterable[ClientEvent]) -> dict[str, str]:
    """The text of every segment, as a session has it."""
    texts: dict[str, str] = {}
    for event in events:
        if isinstance(event, InputAppend):
            texts[event.segment_id] = texts.get(event.segment_id, "") + event.text
        elif isinstance(event, InputRevise):
            assert event.segment_id in texts
            texts[event.segment_id] = event.text
    return texts


def test_words_are_sent_when_they_are_complete() -> None:
    typist = Typist()
    assert typed(typist, "Wha") == []
    assert typed(typist, "t is") == [InputAppend("line-1", "What ")]
    assert typed(typist, "?") == [InputAppend("line-1", "is?")]


def test_a_pause_sends_what_there_is_of_a_word() -> None:
    typist = Typist()
    typed(typist, "Lis", now_ms=100)
    assert typist.due_ms == 100 + PAUSE_MS
    assert typist.rest(99 + PAUSE_MS) == []
    assert typist.rest(100 + PAUSE_MS) == [InputAppend("line-1", "Lis")]
    assert [typist.due_ms] == [None]
    assert typed(typist, "bon ", now_ms=900) == [InputAppend("line-1", "bon ")]


def test_the_key_after_a_pause_does_not_lose_what_was_due() -> None:
    typist = Typist()
    typed(typist, "Lis")
    assert typist.press("b", 5_000) == [InputAppend("line-1", "Lis")]


def test_backspace_revises_only_what_was_sent() -> None:
    typist = Typist()
    typed(typist, "one tw")
    assert typist.press(Key.BACKSPACE, 0) == []
    assert typist.press(Key.BACKSPACE, 0) == []
    assert typist.press(Key.BACKSPACE, 0) == [InputRevise("line-1", "one")]
    assert typed(typist, "s ") == [InputAppend("line-1", "s ")]


def test_enter_commits_and_begins_a_new_line_and_an_empty_one_says_nothing() -> None:
    typist = Typist()
    typed(typist, "Go on")
    assert typist.press(Key.ENTER, 0) == [InputAppend("line-1", "on"), InputCommit()]
    assert typist.text == ""
    assert typist.press(Key.ENTER, 0) == []
    assert typed(typist, "a ") == [InputAppend("line-2", "a ")]


def test_escape_stops_the_reply_and_ctrl_d_leaves() -> None:
    typist = Typist()
    assert typist.press(Key.ESCAPE, 0) == [ResponseCancel()]
    typist.press(Key.END, 0)
    assert typist.is_gone


def test_a_decided_line_goes_on_for_a_moment_and_then_a_new_one_begins() -> None:
    for pause_ms, line in ((CONTINUES_WITHIN_MS - 1, "line-1"), (CONTINUES_WITHIN_MS, "line-2")):
        typist = Typist()
        typed(typist, "What is it?", now_ms=0)
        typist.decided(("line-1",))
        typed(typist, "Tell me. ", now_ms=pause_ms)
        assert typist.segment_id == line


def test_a_decision_does_not_take_away_what_was_not_yet_sent() -> None:
    typist = Typist()
    typed(typist, "What is it? No")
    typist.decided(("line-1",))
    assert typist.press(Key.ENTER, 10_000)[0] == InputAppend("line-1", "No")


def test_a_paste_goes_out_whole_whatever_is_in_it() -> None:
    pasted = "one\ntwo 👩‍👩‍👧 x\u200dy " * 2_000
    typist = Typist()
    typist.press("a", 0)
    events = typist.press(pasted, 0)
    assert heard(events) == {"line-1": "a" + pasted}
    assert all(
        isinstance(event, InputAppend) and len(event.text) <= MAX_EVENT_CHARS for event in events
    )
    typist.press(Key.BACKSPACE, 0)
    assert typist.text == ("a" + pasted)[:-1]


def test_what_does_not_fit_into_a_line_is_counted() -> None:
    typist = Typist()
    sent = heard(typist.press("x" * (MAX_LINE_CHARS + 7), 0))
    assert (len(sent["line-1"]), typist.num_lost) == (MAX_LINE_CHARS, 7)
    typist.press("y", 0)
    assert typist.num_lost == 8
    typist.press(Key.ENTER, 0)
    assert typist.num_lost == 0


@pytest.mark.parametrize("last", ["👩‍👩‍👧", "🇵🇹", "👍🏽", "e\u0301", "b"])
def test_backspace_takes_back_what_looks_like_one_character(last: str) -> None:
    typist = Typist()
    typist.press(f"a {last}", 0)
    assert typist.press(Key.BACKSPACE, 0) == [InputRevise("line-1", "a ")]


def test_a_long_line_is_revised_in_several_events() -> None:
    typist = Typist()
    before = typist.press("x" * 20_000, 0)
    events = [*before, *typist.press(Key.BACKSPACE, 0)]
    assert isinstance(events[len(before)], InputRevise)
    assert heard(events) == {"line-1": "x" * 19_999}


KEYS = st.one_of(
    st.sampled_from([*"ab ,.", "a paste\n of 👩‍👧", " ", Key.BACKSPACE, Key.BACKSPACE, Key.ENTER]),
    st.just("decided"),
)


@given(st.lists(st.tuples(KEYS, st.sampled_from([0, 100, 300, 1_000])), max_size=60))
def test_after_a_pause_the_session_has_the_line(keys: list[tuple[str | Key, int]]) -> None:
    typist, now_ms = Typist(), 0
    events: list[ClientEvent] = []
    committed: list[str] = []
    for key, after_ms in keys:
        now_ms += after_ms
        events += typist.rest(now_ms)
        if key == "decided":
            typist.decided((typist.segment_id,))
            continue
        line, before = typist.segment_id, typist.text
        events += typist.press(key, now_ms)
        if key is Key.ENTER and before and typist.segment_id != line:
            committed.append(heard(events).get(line, ""))
            assert committed[-1] == before or committed[-1] == ""
    line, text = typist.segment_id, typist.text
    events += typist.rest(now_ms + PAUSE_MS)
    assert heard(events).get(line, "") == text


def test_a_word_does_not_wait_for_the_blank_behind_it() -> None:
    """And the blank, when it comes, is no new text."""
    typist = Typist()
    for number, char in enumerate("what"):
        typist.press(char, 10.0 * number)
    assert typist.due_ms is not None
    (sent,) = typist.rest(typist.due_ms)
    assert sent == InputAppend("line-1", "what")
    assert typist.press(" ", 1_000.0) == [InputAppend("line-1", " ")]
    assert typist.due_ms is None
