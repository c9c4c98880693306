"""One trace per session: turns, and the slices below them."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from duologue.events import (
    Envelope,
    InputAppend,
    InputState,
    ResponseDelta,
    ResponseDone,
    ResponsePaused,
    ResponseResumed,
    ResponseStarted,
    ServerEvent,
    SessionUpdate,
)
from duologue.floor_settings import FloorSettings
from duologue.lane.steps import EndReason
from duologue.service_settings import TelemetrySettings
from duologue.session_config import SessionConfig
from duologue.states import State
from duologue.telemetry import names
from duologue.telemetry.session_spans import SessionSpans
from duologue.telemetry.session_trace import SessionTrace
from duologue.telemetry.trace_ids import extract, slice_span_id, trace_id_of
from duologue.telemetry.turn_spans import MAX_PIECES
from duologue.usage import Usage
from tests.unit.session.stage import Setting
from tests.unit.telemetry.traced import SESSION, START_MS, Memory, TracedStage


@pytest.fixture
def memory() -> Iterator[Memory]:
    made = Memory()
    yield made
    made.tracing.shutdown()


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def marks(span: ReadableSpan) -> list[str]:
    """What happened in a turn, without the texts."""
    texts = (names.INPUT_PIECE, names.RESPONSE_PIECE)
    return [event.name for event in span.events if event.name not in texts]


def told_by(span: ReadableSpan, name: str) -> list[dict[str, Any]]:
    """The attributes of its events of this name."""
    return [dict(event.attributes or {}) for event in span.events if event.name == name]


def length_ms(span: ReadableSpan) -> float:
    assert span.start_time is not None
    assert span.end_time is not None
    return (span.end_time - span.start_time) / 1e6


def test_a_turn_lasts_from_its_first_word_to_the_end_of_the_reply(memory: Memory) -> None:
    stage = TracedStage(memory, Setting(replies=("It is fine today.",)))
    stage.say("How")
    stage.wait(300)
    stage.say(" is it?")
    stage.settle()
    (turn,) = memory.spans(names.TURN)
    assert turn.start_time == START_MS * 1e6
    told = attributes(turn)
    assert told[names.STATE] == "query"
    assert told[names.RESPONSE_ID] == 1
    assert told[names.FINISH_REASONS] == ("stop",)
    assert told[names.FIRST_TEXT_MS] == 180.0, "a tick, and the 20 ms of the slice"
    assert marks(turn) == [names.INPUT_STATE, names.RESPONSE_STARTED]


def test_every_span_is_in_the_sessions_trace_and_names_it(memory: Memory) -> None:
    stage = TracedStage(memory)
    stage.say("How is it?")
    stage.settle()
    stage.close()
    spans = memory.spans()
    assert {span.name for span in spans} == {names.TURN, names.SLICE, names.SESSION_CLOSE}
    for span in spans:
        context = span.get_span_context()
        assert context is not None
        assert context.trace_id == trace_id_of(SESSION)
        told = attributes(span)
        assert (told[names.SESSION_ID], told[names.TENANT], told[names.EPOCH]) == (
            SESSION,
            "acme",
            1,
        )


def test_slices_stand_below_their_turn_and_have_ids_that_others_know(memory: Memory) -> None:
    stage = TracedStage(memory)
    stage.say("How is it?")
    stage.settle()
    (turn,) = memory.spans(names.TURN)
    slices = memory.spans(names.SLICE)
    assert len(slices) == len(stage.slices)
    turn_context = turn.get_span_context()
    assert turn_context is not None
    within = [
        span for span in slices if span.parent and span.parent.span_id == turn_context.span_id
    ]
    assert within, "the slice that the turn began with"
    ids = {context.span_id for span in slices if (context := span.get_span_context())}
    assert ids == {slice_span_id(SESSION, 1, work.tick) for work in stage.slices}
    assert {length_ms(span) for span in slices} == {20.0}


def test_two_turns_overlap_when_the_user_cuts_in(memory: Memory) -> None:
    long_reply = "The weather is fine, and so it will stay for the whole of the week."
    stage = TracedStage(memory, Setting(replies=(long_reply, "Well.")))
    stage.say("How is it?")
    stage.tick(2)
    stage.say("And", "b")
    stage.tick(1)
    stage.say(" now?", "b")
    stage.settle()
    first, second = memory.spans(names.TURN)
    assert attributes(first)[names.FINISH_REASONS] == ("interrupted",)
    assert names.INTERRUPTED in [event.name for event in first.events]
    assert first.end_time is not None
    assert second.start_time is not None
    assert second.start_time < first.end_time
    assert attributes(second)[names.RESPONSE_ID] == 2


def test_what_is_no_query_is_a_turn_of_its_own(memory: Memory) -> None:
    stage = TracedStage(memory, Setting(replies=("The weather is fine, and so on and so forth.",)))
    stage.say("How is it?")
    stage.tick(2)
    stage.say("mhm", "b")
    stage.settle()
    aside, answered = memory.spans(names.TURN)
    assert attributes(aside)[names.STATE] == "non_query"
    assert names.RESPONSE_RESUMED in [event.name for event in answered.events]


def test_a_turn_says_what_decided_it_and_what_confirmed_that(memory: Memory) -> None:
    stage = TracedStage(memory, Setting(floor=FloorSettings(confirm_above=1.01)))
    stage.say("How is it?")
    stage.settle()
    stage.say("And now?", "b", is_final=True)
    stage.settle()
    stage.say("And then?", "c")
    stage.commit()
    stage.settle()
    paused, final, committed = map(attributes, memory.spans(names.TURN))
    assert paused[names.DECISION_REASON] == "judged"
    assert 0.5 < paused[names.DECISION_PROBABILITY] <= 1
    by = [told[names.CONFIRMED_BY] for told in (paused, final, committed)]
    assert by == ["pause", "final", "commit"]
    assert paused[names.HELD_MS] > final[names.HELD_MS] > 0
    assert paused[names.FIRST_TEXT_MS] > paused[names.HELD_MS]


def test_a_decision_tells_what_it_was_measured_by(memory: Memory) -> None:
    stage = TracedStage(memory, Setting(floor=FloorSettings(confirm_above=1.01)))
    stage.say("How")
    stage.tick()
    stage.say(" is it?")
    stage.settle()
    (turn,) = memory.spans(names.TURN)
    first, *_, last = told_by(turn, names.INPUT_STATE)
    assert (first[names.STATE], last[names.STATE]) == ("incomplete", "query")
    assert first[names.QUERY_PROBABILITY] < first[names.DECISION_THRESHOLD] == 0.5
    assert last[names.DECISION_PROBABILITY] >= last[names.DECISION_THRESHOLD] == 0.5
    assert last[names.CONFIRM_ABOVE] == 1.01
    assert last[names.PATIENCE] == "normal"
    assert attributes(turn)[names.DECISION_THRESHOLD] == 0.5
    (shown,) = told_by(turn, names.RESPONSE_STARTED)
    assert shown[names.CONFIRMED_BY] == "pause"
    assert shown[names.HELD_MS] == attributes(turn)[names.HELD_MS]


def test_one_who_wants_no_confirmation_is_told_of_none(memory: Memory) -> None:
    """Also when the session's client says so in the midst of it."""
    stage = TracedStage(memory, Setting(floor=FloorSettings(confirm_above=1.01)))
    stage.send(SessionUpdate(SessionConfig(floor="eager")))
    stage.say("How is it?")
    stage.settle()
    (turn,) = memory.spans(names.TURN)
    told = attributes(turn)
    assert names.CONFIRM_ABOVE not in told
    assert told[names.CONFIRMED_BY] == "at once"


def test_words_are_told_as_they_came(memory: Memory) -> None:
    stage = TracedStage(memory, Setting(replies=("It is fine.",)), records_text=True)
    stage.say("How")
    stage.wait(300)
    stage.say(" is it?", is_final=True)
    stage.settle()
    (turn,) = memory.spans(names.TURN)
    heard = told_by(turn, names.INPUT_PIECE)
    assert [(each[names.INPUT_TEXT], each[names.NUM_CHARS]) for each in heard] == [
        ("How", 3),
        (" is it?", 7),
    ]
    assert [names.IS_FINAL in each for each in heard] == [False, True]
    said = told_by(turn, names.RESPONSE_PIECE)
    assert "".join(each[names.OUTPUT_TEXT] for each in said) == "It is fine."


def test_texts_that_are_forbidden_before_the_turn_ends_are_not_told(memory: Memory) -> None:
    stage = TracedStage(memory, Setting(replies=("Quite secret.",)), records_text=True)
    stage.say("How is it?")
    stage.tick()
    stage.spans.records_text = False
    stage.settle()
    (turn,) = memory.spans(names.TURN)
    assert told_by(turn, names.INPUT_PIECE) == [{names.NUM_CHARS: len("How is it?")}]
    assert "secret" not in turn.to_json()


def test_very_many_pieces_are_told_together(memory: Memory) -> None:
    stage = TracedStage(memory, records_text=True)
    for _ in range(MAX_PIECES + 20):
        stage.spans.received(InputAppend("a", "x"), START_MS)
    stage.close()
    (turn,) = memory.spans(names.TURN)
    heard = told_by(turn, names.INPUT_PIECE)
    assert len(heard) == MAX_PIECES
    assert "".join(each[names.INPUT_TEXT] for each in heard) == "x" * (MAX_PIECES + 20)


def test_a_decision_that_is_taken_back_is_told_in_its_turn(memory: Memory) -> None:
    """And the tokens that were held for it are counted at the end."""
    held = Setting(floor=FloorSettings(confirm_above=1.01))
    stage = TracedStage(memory, held, continues_within_ms=1200)
    stage.say("How?")
    stage.tick()
    stage.say(" is it?")
    stage.settle()
    stage.close()
    (turn,) = memory.spans(names.TURN)
    told = [event.name for event in turn.events]
    assert told.count(names.TAKEN_BACK_UNSEEN) == attributes(turn)[names.TAKEN_BACK] == 1
    assert told.count(names.RESPONSE_STARTED) == 1
    (closed,) = memory.spans(names.SESSION_CLOSE)
    assert attributes(closed)[names.DISCARDED_TOKENS] > 0


def test_a_pause_and_its_end_stand_in_the_turn_of_their_reply(memory: Memory) -> None:
    spans = TracedStage(memory).spans
    spans.received(InputAppend("a", "How is it?"), START_MS)
    query, aside = (InputState(s, {s: 0.9}, "x", ("a",)) for s in (State.QUERY, State.NON_QUERY))
    tell(spans, query, ResponseStarted(1), ResponseDelta(1, "Fine"))
    spans.received(InputAppend("b", "And"), START_MS)
    tell(spans, ResponsePaused(1), aside, ResponseResumed(1, 4), ResponseDone(1, EndReason.STOP))
    _, turn = memory.spans(names.TURN)
    told = marks(turn)
    assert told[-2:] == [names.RESPONSE_PAUSED, names.RESPONSE_RESUMED]


def test_the_rest_of_a_reply_that_comes_back_is_a_span(memory: Memory) -> None:
    spans = TracedStage(memory).spans
    tell(spans, ResponseResumed(1, 4), ResponseDelta(1, " today."), ResponseDone(1, EndReason.STOP))
    (rest,) = memory.spans(names.RESPONSE_REST)
    assert attributes(rest)[names.RESPONSE_ID] == 1
    assert attributes(rest)[names.FINISH_REASONS] == ("stop",)
    assert names.FIRST_TEXT_MS not in attributes(rest)


def tell(spans: SessionSpans, *events: ServerEvent) -> None:
    spans.elapsed([Envelope(1, 0, 1, event) for event in events], START_MS)


@pytest.mark.parametrize("records_text", [False, True])
def test_texts_are_recorded_only_where_the_tenant_allows_it(
    memory: Memory, records_text: bool
) -> None:
    stage = TracedStage(memory, Setting(replies=("Quite secret.",)), records_text=records_text)
    stage.say("How is it?")
    stage.settle()
    stage.close()
    told = "".join(span.to_json() for span in memory.spans())
    assert ("How is it?" in told) is records_text
    assert ("Quite secret." in told) is records_text


def test_an_abandoned_slice_is_an_error(memory: Memory) -> None:
    stage = TracedStage(memory)
    stage.say("How is it?")
    stage.wait()
    stage.depart()
    stage.spans.abandoned(stage.clock.now_ms() + 5)
    (span,) = memory.spans(names.SLICE)
    assert attributes(span)[names.IS_ABANDONED] is True
    assert not span.status.is_ok
    stage.spans.abandoned(stage.clock.now_ms() + 9)
    assert len(memory.spans(names.SLICE)) == 1, "there was no other one"


def test_a_slice_that_failed_says_why(memory: Memory) -> None:
    stage = TracedStage(memory)
    stage.engine.fails_after_forwards = 0
    stage.say("How is it?")
    stage.tick()
    (span,) = memory.spans(names.SLICE)
    assert attributes(span)[names.ERROR_TYPE] == "KVMemoryExhausted"


def test_what_is_under_way_ends_with_the_session(memory: Memory) -> None:
    stage = TracedStage(memory, Setting(replies=("The weather is fine, and so on and on.",)))
    stage.say("How is it?")
    stage.tick(2)
    stage.say("and", "b")
    stage.close()
    assert len(memory.spans(names.TURN)) == 2
    (closed,) = memory.spans(names.SESSION_CLOSE)
    assert attributes(closed)[names.NUM_SLICES] == 2


def test_single_slices_can_be_left_out() -> None:
    memory = Memory(TelemetrySettings(slices=False))
    stage = TracedStage(memory)
    stage.say("How is it?")
    stage.settle()
    assert {span.name for span in memory.spans()} == {names.TURN}
    memory.tracing.shutdown()


def test_a_session_that_is_not_sampled_leaves_nothing() -> None:
    memory = Memory(TelemetrySettings(sample_ratio=0.0))
    stage = TracedStage(memory)
    stage.say("How is it?")
    stage.settle()
    stage.close()
    assert memory.spans() == []
    assert stage.trace.traceparent == ""
    memory.tracing.shutdown()


def test_spans_go_on_in_another_process(memory: Memory) -> None:
    trace = SessionTrace(memory.tracing, SESSION, "acme", 1)
    assert extract(trace.traceparent) == trace.context


def test_what_the_client_says_besides_its_text_begins_no_turn(memory: Memory) -> None:
    stage = TracedStage(memory)
    stage.commit()
    stage.close()
    assert memory.spans(names.TURN) == []


def test_events_without_a_turn_are_passed_over(memory: Memory) -> None:
    """As when a session was moved in the midst of a reply."""
    stage = TracedStage(memory, Setting(replies=("The weather is fine, and so on and on.",)))
    stage.say("How is it?")
    stage.tick(2)
    stage.spans = SessionSpans(stage.trace)
    stage.settle()
    stage.spans.received(InputAppend("b", "x"), stage.clock.now_ms())
    stage.spans.closed(Usage(), stage.clock.now_ms())
    assert [attributes(span).get(names.STATE) for span in memory.spans(names.TURN)] == [None]
