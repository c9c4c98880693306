"""What a client repeats of its own text is not paid for again."""

from hypothesis import given
from hypothesis import strategies as st

from duologue.gateway.known_text import FREE_ID_CHARS, MAX_CHARS, MAX_SEGMENTS, KnownText
from duologue.v1 import events_pb2 as pb


def _append(text: str, segment_id: str = "a") -> pb.ClientEvent:
    return pb.ClientEvent(input_append=pb.InputAppend(segment_id=segment_id, text=text))


def _revise(text: str, segment_id: str = "a") -> pb.ClientEvent:
    return pb.ClientEvent(input_revise=pb.InputRevise(segment_id=segment_id, text=text))


def test_growing_partials_cost_as_much_as_the_last_of_them() -> None:
    known, text = KnownText(), "what is the capital of italy"
    costs = [known.num_new_chars(_revise(text[:end])) for end in range(1, len(text) + 1)]
    assert sum(costs) == len(text)


def test_what_is_changed_is_new_from_the_change_on() -> None:
    known = KnownText()
    known.num_new_chars(_append("set an alarm for seven"))
    assert known.num_new_chars(_revise("set an alarm for 7")) == 1
    assert known.num_new_chars(_append(" a.m.")) == 5
    assert known.num_new_chars(_revise("set an alarm for 7 a.m.")) == 0
    assert known.num_new_chars(_revise("Set an alarm for 7 a.m.")) == 23


def test_what_brings_no_text_costs_nothing() -> None:
    assert KnownText().num_new_chars(pb.ClientEvent(input_commit=pb.InputCommit())) == 0


def test_what_the_callers_assistant_says_is_text() -> None:
    said = pb.AssistantSaid(text="Good morning", response_id=1)
    assert KnownText().num_new_chars(pb.ClientEvent(assistant_said=said)) == 12


def test_what_the_model_is_let_know_is_text() -> None:
    known = pb.ContextAppend(role="system", text="It is Monday.")
    assert KnownText().num_new_chars(pb.ClientEvent(context_append=known)) == 13


def test_what_the_assistant_is_to_say_is_text() -> None:
    create = pb.ResponseCreate(instructions="Be kind.", text="Hello.")
    assert KnownText().num_new_chars(pb.ClientEvent(response_create=create)) == 14


def test_segments_are_known_apart_and_the_longest_unused_is_forgotten_first() -> None:
    known = KnownText()
    names = [str(number) for number in range(MAX_SEGMENTS)]
    assert [known.num_new_chars(_revise("hello", name)) for name in names] == [5] * MAX_SEGMENTS
    assert known.num_new_chars(_revise("hello", "0")) == 0
    assert known.num_new_chars(_revise("hello", "one more")) == 5
    assert known.num_new_chars(_revise("hello", "0")) == 0
    assert known.num_new_chars(_revise("hello", "1")) == 5


def test_what_is_remembered_of_a_segment_is_bounded() -> None:
    known, text = KnownText(), "x" * (MAX_CHARS + 10)
    assert known.num_new_chars(_revise(text)) == MAX_CHARS + 10
    assert known.num_new_chars(_revise(text)) == 10
    assert known.num_new_chars(_append("y")) == 1
    assert known.num_new_chars(_revise(text + "y")) == 11
    name = "n" * 10_000
    assert known.num_new_chars(_revise("hello", name)) == 5 + 10_000 - FREE_ID_CHARS
    assert known.num_new_chars(_revise("hello", name)) >= 5, "such a name is not kept"


def test_long_names_and_other_settings_are_text() -> None:
    known = KnownText()
    assert known.num_new_chars(_append("", "n" * 36)) == 0
    assert known.num_new_chars(_append("ab", "n" * 128)) == 2 + 128 - 36
    update = pb.SessionUpdate(config=pb.SessionConfig(stop_strings=["x" * 200] * 16))
    assert known.num_new_chars(pb.ClientEvent(session_update=update)) > 16 * 200


_CHANGES = st.lists(
    st.tuples(
        st.sampled_from([_append, _revise]), st.text("ab ", max_size=6), st.sampled_from("xy")
    )
)


@given(_CHANGES)
def test_new_is_what_a_segment_does_not_begin_with(changes: list[tuple[object, str, str]]) -> None:
    known, texts = KnownText(), {"x": "", "y": ""}
    for make, text, name in changes:
        before = texts[name]
        texts[name] = before + text if make is _append else text
        after = texts[name]
        beginnings = [end for end in range(len(after) + 1) if before.startswith(after[:end])]
        expected = len(after) - max(beginnings)
        assert known.num_new_chars(make(text, name)) == expected  # type: ignore[operator]
