"""Whatever is said comes out as it was said: in bytes, and to the last bit of a number."""

from typing import TypeVar

from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from duologue.errors import DuologueError
from duologue.events import ClientEvent, Envelope
from duologue.lane.profile import LaneProfile
from duologue.lane.slices import Slice, SliceResult
from duologue.lane.state import LaneState
from duologue.lane.steps import Step
from duologue.notices import Notice
from duologue.session.records import Arrived, Received, Record
from duologue.session_config import SessionConfig
from duologue.usage import Usage
from duologue.v1.journal_pb2 import JournalEntry
from duologue.wire.errors import error_from_pb, error_to_pb
from duologue.wire.events import (
    client_event_from_pb,
    client_event_to_pb,
    is_notice,
    notice_from_pb,
    notice_to_pb,
    server_event_from_pb,
    server_event_to_pb,
)
from duologue.wire.journal import entry_from_bytes, entry_to_bytes
from duologue.wire.lanes import (
    lane_state_from_pb,
    lane_state_to_pb,
    profile_from_pb,
    profile_to_pb,
)
from duologue.wire.notices import usage_from_pb, usage_to_pb
from duologue.wire.sessions import config_from_bytes, config_to_bytes
from duologue.wire.slices import (
    result_from_pb,
    result_to_pb,
    slice_from_pb,
    slice_to_pb,
)
from duologue.wire.steps import step_from_pb, step_to_pb
from tests.unit.wire import anything

M = TypeVar("M", bound=Message)


def sent(message: M) -> M:
    """As it arrives."""
    arrived = type(message)()
    arrived.ParseFromString(message.SerializeToString())
    return arrived


@given(st.integers(1, 2**64 - 1), anything.client_events)
def test_client_events(client_seq: int, event: ClientEvent) -> None:
    assert client_event_from_pb(sent(client_event_to_pb(client_seq, event))) == (client_seq, event)


@given(anything.envelopes, anything.bigs)
def test_server_events(envelope: Envelope, client_seq: int) -> None:
    message = sent(server_event_to_pb(envelope, client_seq))
    assert server_event_from_pb(message) == envelope
    assert message.client_seq == client_seq
    assert not is_notice(message)


@given(anything.notices, anything.bigs)
def test_notices(notice: Notice, client_seq: int) -> None:
    message = sent(notice_to_pb(notice, client_seq))
    assert notice_from_pb(message) == notice
    assert message.client_seq == client_seq
    assert is_notice(message)


@given(anything.usages)
def test_usage(usage: Usage) -> None:
    assert usage_from_pb(sent(usage_to_pb(usage))) == usage


@given(anything.configs)
def test_session_configs(config: SessionConfig) -> None:
    assert config_from_bytes(config_to_bytes(config)) == config


@given(anything.steps)
def test_steps(step: Step) -> None:
    assert step_from_pb(sent(step_to_pb(step))) == step


@given(anything.slices)
def test_slices(work: Slice) -> None:
    assert slice_from_pb(sent(slice_to_pb(work)), anything.SESSION, anything.EPOCH) == work


@given(anything.results)
def test_results(result: SliceResult) -> None:
    again = result_from_pb(sent(result_to_pb(result)), anything.SESSION, anything.EPOCH)
    assert again == result


@given(anything.errors)
def test_errors(error: DuologueError) -> None:
    again = error_from_pb(sent(error_to_pb(error)))
    assert (type(again), str(again)) == (type(error), str(error))
    assert getattr(again, "field", None) == getattr(error, "field", None)


@given(anything.lane_states())
def test_lanes(state: LaneState) -> None:
    assert lane_state_from_pb(sent(lane_state_to_pb(state))) == state


@given(anything.profiles)
def test_profiles(profile: LaneProfile) -> None:
    assert profile_from_pb(sent(profile_to_pb(profile))) == profile


@given(anything.client_events, anything.results)
def test_what_came_as_bytes_is_written_down_as_those_bytes(
    event: ClientEvent, result: SliceResult
) -> None:
    """Also what a newer client put into them."""
    unknown = b"\xfa\x07\x03new"
    source = client_event_to_pb(3, event).SerializeToString() + unknown
    result = result_from_pb(sent(result_to_pb(result)), anything.SESSION, anything.EPOCH)
    entry = entry_to_bytes(1, [Received(3, event, 0.0, 0, source), Arrived(result, 0.0)])
    message = JournalEntry.FromString(entry)
    assert [message.records[0].received, message.records[1].arrived] == [source, result.source]
    assert entry_from_bytes(entry, anything.SESSION)[1][0] == Received(3, event, 0.0, 0)


@given(st.lists(anything.records, max_size=4))
def test_journal_entries(records: list[Record]) -> None:
    entry = entry_to_bytes(anything.EPOCH, records)
    assert entry_from_bytes(entry, anything.SESSION) == (anything.EPOCH, tuple(records))
