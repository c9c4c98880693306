"""What needs no platform: from transcriptions to events, from spoken words to what was heard."""

from typing import Any

import pytest

from duologue_realtime.heard_text import HeardText
from duologue_realtime.messages import item_of
from duologue_realtime.utterances import Utterances


def replayed(events: list[dict[str, Any]]) -> dict[str, tuple[str, bool]]:
    """What the platform knows after them, by segment."""
    known: dict[str, tuple[str, bool]] = {}
    for event in events:
        if event["type"].endswith("commit"):
            continue
        before, was_final = known.get(event["segment_id"], ("", False))
        assert not was_final, "a segment that is final was changed"
        is_more = event["type"].endswith("append")
        assert is_more or event["segment_id"] in known, "revised before it was begun"
        text = before + event["text"] if is_more else event["text"]
        known[event["segment_id"]] = text, event["is_final"]
    return known


def test_hypotheses_grow_are_revised_and_become_final() -> None:
    heard = Utterances()
    events = [
        event
        for text in ("what", "what is", "what is", "what his", "what is it")
        for event in heard.interim(text)
    ]
    assert [event["type"].rpartition(".")[2] for event in events] == [
        *("append", "append", "revise", "revise")
    ]
    assert list(replayed(events).values()) == [("what is it", False)]
    events += heard.final("What is it?")
    events += heard.interim("and")
    assert list(replayed(events).values()) == [("What is it?", True), ("and", False)]


def test_a_recogniser_without_hypotheses() -> None:
    heard = Utterances()
    events = [*heard.final("What is it?"), *heard.final(""), *heard.final("And that?")]
    assert list(replayed(events).values()) == [("What is it?", True), ("And that?", True)]


def test_a_hypothesis_that_was_nothing_is_taken_back() -> None:
    heard = Utterances()
    events = [*heard.interim("uh"), *heard.final("")]
    assert list(replayed(events).values()) == [("", True)]


def test_speakers_have_segments_of_their_own() -> None:
    heard = Utterances()
    events = [
        *heard.interim("one", "a"),
        *heard.interim("two", "b"),
        *heard.interim("one more", "a"),
        *heard.final("two", "b"),
    ]
    assert list(replayed(events).values()) == [("one more", False), ("two", True)]


def test_typed_text_is_committed() -> None:
    events = Utterances().typed("What is it?")
    assert list(replayed(events).values()) == [("What is it?", True)]
    assert events[-1] == {"type": "duologue.input_text.commit"}
    assert Utterances().typed("  ") == []


@pytest.mark.parametrize(
    ("spoken", "heard"),
    [
        (["The"], "The"),
        (["The", "sea,", "the"], "The sea, the"),  # the same word again is a later one
        (["the", "SEA"], "The sea"),
        (["The sea, the wide sea."], "The sea, the wide sea."),  # a sentence
        (["The", "ocean"], "The sea,"),  # said in other words: counted
        (["The", "wide", "sea"], "The sea, the wide sea"),  # some were left out
        (["", " "], ""),
        (["The sea, the wide sea. ", "more"], "The sea, the wide sea."),
    ],
)
def test_how_much_was_heard(spoken: list[str], heard: str) -> None:
    text = HeardText("The sea, the wide sea.")
    for words in spoken:
        text.spoke(words)
    assert text.text[: text.heard_chars] == heard


def test_messages_are_items() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    item = item_of({"role": "assistant", "content": parts})["item"]
    assert item["content"] == [{"type": "output_text", "text": "ab"}]
    assert item_of({"role": "developer", "content": "a"})["item"]["role"] == "system"
    with pytest.raises(ValueError, match="must have text"):
        item_of({"role": "user", "content": None})
