"""What cannot be used is refused, naming the field and what is allowed."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from duologue.errors import DuologueError, InvalidInput, InvalidSetting
from duologue.events import (
    AssistantSaid,
    ClientEvent,
    Error,
    InputAppend,
    PlaybackAck,
    ResponseCancel,
)
from duologue.lane.lane import Lane
from duologue.lane.phase import ReplyPhase
from duologue.lane.state import AsideState, LaneState
from duologue.session_config import SessionConfig
from duologue.settings import Settings
from duologue.states import State
from duologue.v1 import batching_pb2, events_pb2, journal_pb2, lane_pb2
from duologue.wire.checkpoints import checkpoint_from_bytes
from duologue.wire.errors import error_event_from_pb, error_from_pb
from duologue.wire.events import client_event_from_pb, client_event_to_pb, server_event_from_pb
from duologue.wire.journal import entry_from_bytes
from duologue.wire.lanes import lane_state_from_pb, lane_state_to_pb, profile_from_pb
from duologue.wire.model import model_to_pb, without_words, words_from_pb
from duologue.wire.notices import notice_from_pb
from duologue.wire.sessions import config_from_pb, config_to_setup
from duologue.wire.slices import result_from_pb, slice_from_pb
from duologue.wire.steps import step_from_pb
from tests.unit.session.stage import Stage, chat_of
from tests.unit.text.tiny_tokenizers import byte_level

pb = events_pb2


def client_event(**fields: Any) -> events_pb2.ClientEvent:
    return pb.ClientEvent(**{"client_seq": 1, **fields})


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (pb.ClientEvent(client_seq=1), "event must be set to one of input_append, input_revise,"),
        (
            pb.ClientEvent(input_commit=pb.InputCommit()),
            "client_seq must be a whole number from 1 to 18446744073709551615, not 0",
        ),
        (
            client_event(input_append=pb.InputAppend(text="x")),
            "input_append.segment_id must have 1 to 128 characters, not 0",
        ),
        (
            client_event(input_revise=pb.InputRevise(segment_id="s" * 129)),
            "input_revise.segment_id must have 1 to 128 characters, not 129",
        ),
        (
            client_event(input_append=pb.InputAppend(segment_id="a", text="x" * 65_537)),
            "input_append.text must have at most 65536 characters, not 65537",
        ),
        (
            client_event(playback_ack=pb.PlaybackAck(heard_chars=3)),
            "playback_ack.response_id must be a whole number from 1 to 4294967295, not 0",
        ),
        (
            client_event(response_cancel=pb.ResponseCancel(response_id=0)),
            "response_cancel.response_id must be a whole number from 1 to 4294967295, not 0",
        ),
        (
            client_event(assistant_said=pb.AssistantSaid(response_id=0)),
            "assistant_said.response_id must be a whole number from 1 to 4294967295, not 0",
        ),
        (
            client_event(assistant_said=pb.AssistantSaid(text="x" * 65_537)),
            "assistant_said.text must have at most 65536 characters, not 65537",
        ),
        (
            client_event(context_append=pb.ContextAppend(role="tool", text="x")),
            "context_append.role must be one of 'user', 'assistant', 'system', not 'tool'",
        ),
        (
            client_event(context_append=pb.ContextAppend(role="user", text="x" * 65_537)),
            "context_append.text must have at most 65536 characters, not 65537",
        ),
        (
            client_event(tool_result=pb.ToolResult(output="x")),
            "tool_result.call_id must have 1 to 128 characters, not 0",
        ),
        (
            client_event(tool_result=pb.ToolResult(call_id="call_1", output="x" * 65_537)),
            "tool_result.output must have at most 65536 characters, not 65537",
        ),
    ],
)
def test_client_events(message: events_pb2.ClientEvent, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(complaint)):
        client_event_from_pb(message)


@pytest.mark.parametrize(
    ("client_seq", "event", "complaint"),
    [
        (0, InputAppend("a", "x"), "client_seq must be a whole number from 1"),
        (2**64, InputAppend("a", "x"), "client_seq must be a whole number from 1"),
        (1, InputAppend("", "x"), "input_append.segment_id must have 1 to 128 characters"),
        (1, InputAppend("a", "x\ud800"), "input_append.text must be valid Unicode"),
        (1, InputAppend("\udc00", "x"), "input_append.segment_id must be valid Unicode"),
        (1, PlaybackAck(-1, 0), "playback_ack.response_id must be a whole number from 1"),
        (1, PlaybackAck(1, 2**32), "playback_ack.heard_chars must be a whole number from 0"),
        (1, ResponseCancel(2**32), "response_cancel.response_id must be a whole number from 1"),
        (1, AssistantSaid("x\ud800"), "assistant_said.text must be valid Unicode"),
        (1, AssistantSaid("x", 0), "assistant_said.response_id must be a whole number from 1"),
    ],
)
def test_client_events_before_they_are_sent(
    client_seq: int, event: ClientEvent, complaint: str
) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        client_event_to_pb(client_seq, event)


def labelled(**labels: Any) -> events_pb2.SessionConfig:
    message = pb.SessionConfig()
    message.labels.update(labels)
    return message


def earlier(role: str, *texts: str) -> events_pb2.SessionConfig:
    return pb.SessionConfig(history=[pb.EarlierTurn(role=role, text=text) for text in texts])


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (
            pb.SessionConfig(strategy="solo"),
            "config.strategy must be 'duo', 'tdm', 'turn'",
        ),
        (pb.SessionConfig(temperature=11), "config.temperature must be 0 or from 0.01 to 10"),
        (pb.SessionConfig(temperature=float("nan")), "config.temperature must be 0 or from"),
        (pb.SessionConfig(top_p=0), "config.top_p must be above 0"),
        (pb.SessionConfig(top_k=2**31), "config.top_k must be a whole number from 0"),
        (pb.SessionConfig(repetition_penalty=0), "config.repetition_penalty must be from 0.1"),
        (pb.SessionConfig(stop_strings=[""]), "config.stop_strings must be at most 16 texts"),
        (pb.SessionConfig(stop_strings=["x"] * 17), "config.stop_strings must be at most 16"),
        (pb.SessionConfig(stop_strings=["x" * 257]), "config.stop_strings must have at most 256"),
        (pb.SessionConfig(system_prompt="x" * 16_385), "config.system_prompt must have at most"),
        (pb.SessionConfig(max_reply_tokens=0), "config.max_reply_tokens must be a whole number"),
        (
            pb.SessionConfig(reply_tokens_per_second=0.4),
            "config.reply_tokens_per_second must be 0 or a number from 0.5 to 1000",
        ),
        (pb.SessionConfig(reply_tokens_per_slice=65), "config.reply_tokens_per_slice must be a"),
        (pb.SessionConfig(look_ahead_tokens=65), "config.look_ahead_tokens must be a whole"),
        (labelled(tags=["a"]), "config.labels must be texts, numbers, true or false, not 'list"),
        (labelled(**{str(n): "x" for n in range(17)}), "config.labels must be at most 16"),
        (labelled(x="y" * 257), "config.labels must have at most 256 characters, not 257"),
        (earlier("tool", "x"), "config.history.role must be 'user', 'assistant' or 'system', not"),
        (earlier("user", " \n"), "config.history.text must be more than white space"),
        (earlier("user", *["x"] * 513), "config.history must have at most 512 turns, not 513"),
    ],
)
def test_session_configs(message: events_pb2.SessionConfig, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        config_from_pb(message)


def test_a_lone_surrogate_in_a_config() -> None:
    with pytest.raises(InvalidSetting, match=r"config\.system_prompt must be valid Unicode"):
        SessionConfig(system_prompt="\ud800")


def test_server_events() -> None:
    with pytest.raises(InvalidInput, match="server_seq must be a whole number from 1"):
        server_event_from_pb(pb.ServerEvent(session_closed=pb.SessionClosed()))
    with pytest.raises(InvalidInput, match="event must be set to one of session_ready"):
        server_event_from_pb(pb.ServerEvent(server_seq=1))
    with pytest.raises(InvalidInput, match="not a notice: usage"):
        server_event_from_pb(pb.ServerEvent(server_seq=1, usage=pb.Usage()))
    with pytest.raises(InvalidInput, match="a notice about the connection, not session_closed"):
        notice_from_pb(pb.ServerEvent(session_closed=pb.SessionClosed()))
    with pytest.raises(InvalidInput, match=r"input_state\.state must be one of 1 \(query\)"):
        server_event_from_pb(pb.ServerEvent(server_seq=1, input_state=pb.InputState()))


def test_probabilities() -> None:
    twice = [pb.StateProbability(state=pb.STATE_QUERY, probability=0.5)] * 2
    none = [pb.StateProbability(state=pb.STATE_QUERY, probability=float("nan"))]
    for probabilities, complaint in (
        (twice, "different in each of them"),
        (none, "a finite number"),
    ):
        judged = pb.InputState(state=pb.STATE_QUERY, probabilities=probabilities)
        with pytest.raises(InvalidInput, match=complaint):
            server_event_from_pb(pb.ServerEvent(server_seq=1, input_state=judged))


def test_slices_and_steps() -> None:
    with pytest.raises(InvalidInput, match=r"slice\.patience must be one of 1"):
        slice_from_pb(lane_pb2.Slice(), "s", 1)
    unknown = lane_pb2.Slice(patience=lane_pb2.PATIENCE_LOW)
    unknown.MergeFromString(b"\x30\x63")  # conclude = 99, as a newer process might say
    with pytest.raises(InvalidInput, match=r"slice\.conclude must be one of .*, not 99"):
        slice_from_pb(unknown, "s", 1)
    with pytest.raises(InvalidInput, match="step must be set to one of hear, ignore"):
        result_from_pb(lane_pb2.SliceResult(steps=[lane_pb2.Step()]), "s", 1)
    with pytest.raises(InvalidInput, match=r"step\.finish must be one of"):
        step_from_pb(lane_pb2.Step(finish=pb.END_REASON_UNSPECIFIED))
    with pytest.raises(InvalidInput, match=r"step\.promote\.policy must be one of"):
        step_from_pb(lane_pb2.Step(promote=lane_pb2.Promote()))


def aside_at(start: int = 0, num_joined: int = 0, num_kept: int = 5) -> AsideState:
    """A reply of three tokens."""
    return AsideState(1, ReplyPhase.SPEAKING, (1, 2, 3), start, num_joined, num_kept)


def some_lane() -> LaneState:
    stage = Stage()
    stage.say("How is it?")
    stage.settle()
    return LaneState.of(stage.session.lane)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"num_opening_tokens": 999}, "lane.num_opening_tokens must be a whole number from 0"),
        ({"turn_starts": (0,)}, "lane.turn_starts must be in order, and within the trunk"),
        ({"turn_starts": (999,)}, "lane.turn_starts must be in order, and within the trunk"),
        ({"num_last_input_tokens": 999}, "lane.num_last_input_tokens must be a whole number"),
        ({"num_reply_in_trunk": 999}, "lane.num_reply_in_trunk must be a whole number"),
        ({"num_utterance_in_trunk": 999}, "lane.num_utterance_in_trunk must be a whole number"),
        ({"aside": aside_at(999)}, "lane.aside.start must be a whole number from 0"),
        ({"aside": aside_at(num_kept=999)}, "lane.aside.num_kept must be a whole number from 0"),
        (
            {"aside": replace(aside_at(), num_notes=9)},
            "lane.aside.num_notes must be a whole number",
        ),
        ({"aside": aside_at(num_joined=4)}, "lane.aside.num_joined must be a whole number from 0"),
    ],
)
def test_lanes_that_contradict_themselves(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint):
        lane_state_from_pb(lane_state_to_pb(replace(some_lane(), **change)))


def test_a_phase_that_there_is_not() -> None:
    message = lane_state_to_pb(some_lane())
    message.phase = "SINGING"
    with pytest.raises(InvalidInput, match=r"lane\.phase must be one of NONE, SPEAKING"):
        lane_state_from_pb(message)
    message = lane_state_to_pb(replace(some_lane(), aside=aside_at()))
    message.aside.phase = "SINGING"
    with pytest.raises(InvalidInput, match=r"lane\.aside\.phase must be one of NONE, SPEAKING"):
        lane_state_from_pb(message)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"max_reply_tokens": 0}, "profile.max_reply_tokens must be a whole number from 1"),
        ({"context_limit_tokens": 0}, "profile.context_limit_tokens must be a whole number"),
        ({"thresholds": []}, "profile.thresholds must have one for a state that is acted on"),
        ({"top_p": 2.0}, "profile.top_p must be above 0 and from 0 to 1"),
        ({"promotion": lane_pb2.PROMOTION_UNSPECIFIED}, "profile.promotion must be one of"),
    ],
)
def test_profiles(fields: dict[str, Any], complaint: str) -> None:
    usable: dict[str, Any] = {
        "thresholds": [pb.StateProbability(state=pb.STATE_QUERY, probability=0.5)],
        "top_p": 1.0,
        "repetition_penalty": 1.0,
        "promotion": lane_pb2.PROMOTION_REBASE,
        "max_reply_tokens": 8,
        "context_limit_tokens": 8,
    }
    profile_from_pb(lane_pb2.LaneProfile(**usable))
    with pytest.raises(InvalidInput, match=complaint):
        profile_from_pb(lane_pb2.LaneProfile(**(usable | fields)))


@pytest.mark.parametrize("read", [lambda data: entry_from_bytes(data, "s"), checkpoint_from_bytes])
def test_bytes_that_are_something_else(read: Callable[[bytes], object]) -> None:
    with pytest.raises(InvalidInput, match="these bytes are no"):
        read(b"\xff\xff\xff")
    with pytest.raises(InvalidInput, match="must have version 2, not 0"):
        read(b"")


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        ({}, "record must be set to one of received, departed"),
        ({"received": b"\xff\xff"}, "these bytes are no record.received"),
        ({"arrived": b"\xff\xff"}, "these bytes are no record.arrived"),
        ({"received": b""}, "client_seq must be a whole number from 1"),
        ({"at_ms": float("inf")}, "record.at_ms must be a finite number"),
    ],
)
def test_records(record: dict[str, Any], complaint: str) -> None:
    one = journal_pb2.JournalRecord(**record)
    entry = journal_pb2.JournalEntry(version=2, records=[one])
    with pytest.raises(InvalidInput, match=complaint):
        entry_from_bytes(entry.SerializeToString(), "s")


@pytest.mark.parametrize("version", [0, 1, 3])
def test_another_version_of_what_was_written_is_refused(version: int) -> None:
    for read, message in (
        (lambda data: entry_from_bytes(data, "s"), journal_pb2.JournalEntry(version=version)),
        (checkpoint_from_bytes, journal_pb2.Checkpoint(version=version)),
    ):
        with pytest.raises(InvalidInput, match=f"must have version 2, not {version}"):
            read(message.SerializeToString())


def test_a_checkpoint_without_its_session() -> None:
    empty = journal_pb2.Checkpoint(version=2, session="{}")
    with pytest.raises(InvalidInput, match="session must be the JSON of a session's state"):
        checkpoint_from_bytes(empty.SerializeToString())


def test_a_code_that_is_not_known_yet_is_a_fault_of_the_platform() -> None:
    message = events_pb2.Error(code="too_warm", message="words")
    assert error_event_from_pb(message) == Error("internal", "words")
    assert type(error_from_pb(message)) is DuologueError


def test_invalid_input_of_a_process_that_does_not_tell_the_field() -> None:
    told = error_from_pb(events_pb2.Error(code="invalid_input", message="tenant must be set"))
    assert isinstance(told, InvalidInput)
    assert (str(told), told.field) == ("tenant must be set", "")


# The words of a model.


def described(**changes: Any) -> batching_pb2.DescribeResponse:
    tokenizer = byte_level()
    fields: dict[str, Any] = {
        "model": "tiny",
        "tokenizer_json": tokenizer.serialized.encode(),
        "chat": chat_of(tokenizer),
        "max_positions": 1000,
        "thresholds": {State.QUERY: 0.5},
    }
    return model_to_pb(**(fields | changes))


def test_a_models_words_arrive_whole() -> None:
    words = words_from_pb(described())
    text = "How is it, naïve 🙂?"
    assert words.tokenizer.encode(text) == byte_level().encode(text)
    assert words.chat == chat_of(byte_level())
    assert (words.model, words.max_positions) == ("tiny", 1000)
    assert words.thresholds == {State.QUERY: 0.5}
    assert words.confirm_above is None
    assert words_from_pb(described(confirm_above=0.875)).confirm_above == 0.875
    assert without_words(described(confirm_above=0.875)).confirm_above == 0.875
    setup = words.setup(Settings())
    lane = Lane(setup.chat, setup.opening)
    assert LaneState.of(LaneState.of(lane).lane(setup.chat)) == LaneState.of(lane)


def test_other_words_have_another_digest() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"model": "other"},
        {"max_positions": 9},
        {"thresholds": {}},
    ]
    digests = {described(**change).digest for change in changes}
    assert len(digests) == 4
    assert described().digest == described().digest


def test_a_description_without_its_words_is_not_enough() -> None:
    with pytest.raises(InvalidInput, match="tokenizer and chat_format must be set"):
        words_from_pb(without_words(described()))


def test_a_description_that_was_changed_on_its_way() -> None:
    message = described()
    message.max_positions += 1
    with pytest.raises(InvalidInput, match="digest must be that of the other fields"):
        words_from_pb(message)


def test_settings_of_a_client_go_before_the_platforms() -> None:
    words, settings = words_from_pb(described()), Settings()
    setup = config_to_setup(pb.SessionConfig(temperature=0.5, max_reply_tokens=9), settings, words)
    assert setup.sampling.temperature == 0.5
    assert setup.decoding == replace(settings.decoding, max_reply_tokens=9)
    assert setup.max_utterance_chars == settings.sessions.max_utterance_chars


def test_a_system_prompt_that_fills_the_context_is_refused() -> None:
    words = words_from_pb(described(max_positions=64))
    with pytest.raises(InvalidSetting, match=r"config\.system_prompt must fill at most half"):
        config_to_setup(pb.SessionConfig(system_prompt="word " * 40), Settings(), words)


def test_a_model_without_a_state_head_can_only_take_turns() -> None:
    words = words_from_pb(described(thresholds={}))
    with pytest.raises(InvalidSetting, match=r"config\.strategy must be 'turn'"):
        config_to_setup(pb.SessionConfig(strategy="duo"), Settings(), words)
    config_to_setup(pb.SessionConfig(strategy="turn"), Settings(), words)
