"""Bytes from anywhere are refused in an orderly way, or mean something."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from duologue.errors import InvalidInput
from duologue.session.records import Record
from duologue.v1 import events_pb2
from duologue.wire.checkpoints import checkpoint_from_bytes
from duologue.wire.events import client_event_from_pb, client_event_to_pb
from duologue.wire.fields import parse
from duologue.wire.journal import entry_from_bytes, entry_to_bytes
from duologue.wire.sessions import config_from_bytes
from tests.unit.wire import anything


def read_client_event(data: bytes) -> None:
    message = events_pb2.ClientEvent()
    parse(message, data, "client event")
    client_seq, event = client_event_from_pb(message)
    client_event_to_pb(client_seq, event)


@given(st.binary(max_size=200))
def test_noise(data: bytes) -> None:
    for read in (
        read_client_event,
        config_from_bytes,
        checkpoint_from_bytes,
        lambda noise: entry_from_bytes(noise, anything.SESSION),
    ):
        with suppress(InvalidInput):
            read(data)


@given(st.lists(anything.records, min_size=1, max_size=3), st.data())
def test_entries_with_a_byte_that_is_wrong(records: list[Record], data: st.DataObject) -> None:
    entry = bytearray(entry_to_bytes(1, records))
    place = data.draw(st.integers(0, len(entry) - 1))
    entry[place] ^= data.draw(st.integers(1, 255))
    with suppress(InvalidInput):
        entry_from_bytes(bytes(entry), anything.SESSION)
