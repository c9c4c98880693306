"""What is written down of a session, as bytes."""

from collections.abc import Iterable

from duologue.errors import InvalidInput
from duologue.session.records import Abandoned, Arrived, Departed, Elapsed, Received, Record
from duologue.v1 import events_pb2, lane_pb2
from duologue.v1 import journal_pb2 as pb
from duologue.wire.client_events import client_event_from_pb, client_event_to_pb
from duologue.wire.fields import finite, missing, parse
from duologue.wire.slices import result_from_pb, result_to_pb

VERSION = 2

_KINDS = tuple(field.name for field in pb.JournalRecord.DESCRIPTOR.oneofs_by_name["record"].fields)


def entry_to_bytes(epoch: int, records: Iterable[Record]) -> bytes:
    """What is written down at once."""
    messages = [_record_to_pb(record) for record in records]
    return pb.JournalEntry(version=VERSION, epoch=epoch, records=messages).SerializeToString()


def entry_from_bytes(data: bytes, session_id: str) -> tuple[int, tuple[Record, ...]]:
    """Epoch and records. Raises InvalidInput if it is something else, or of another version."""
    message = pb.JournalEntry()
    parse(message, data, "journal entry")
    check_version("a journal entry", message.version)
    records = (_record_from_pb(each, session_id, message.epoch) for each in message.records)
    return message.epoch, tuple(records)


def check_version(what: str, version: int) -> None:
    """Raise InvalidInput for a format that is not ours."""
    if version != VERSION:
        raise InvalidInput(f"{what} must have version {VERSION}, not {version}")


def _record_to_pb(record: Record) -> pb.JournalRecord:
    match record:
        case Received(client_seq, event, now_ms, tick, source):
            received = source or client_event_to_pb(client_seq, event).SerializeToString()
            return pb.JournalRecord(at_ms=now_ms, tick=tick, received=received)
        case Departed(now_ms, tick):
            return pb.JournalRecord(at_ms=now_ms, tick=tick, departed=pb.Departed())
        case Elapsed(now_ms, tick):
            return pb.JournalRecord(at_ms=now_ms, tick=tick, elapsed=pb.Elapsed())
        case Arrived(result, now_ms):
            arrived = result.source or result_to_pb(result).SerializeToString()
            return pb.JournalRecord(at_ms=now_ms, arrived=arrived)
        case Abandoned(now_ms):
            return pb.JournalRecord(at_ms=now_ms, abandoned=pb.Abandoned())


def _record_from_pb(message: pb.JournalRecord, session_id: str, epoch: int) -> Record:
    now_ms = finite("record.at_ms", message.at_ms)
    match message.WhichOneof("record"):
        case "received":
            event_message = events_pb2.ClientEvent()
            parse(event_message, message.received, "record.received")
            client_seq, event = client_event_from_pb(event_message)
            return Received(client_seq, event, now_ms, message.tick)
        case "departed":
            return Departed(now_ms, message.tick)
        case "arrived":
            result_message = lane_pb2.SliceResult()
            parse(result_message, message.arrived, "record.arrived")
            return Arrived(result_from_pb(result_message, session_id, epoch), now_ms)
        case "elapsed":
            return Elapsed(now_ms, message.tick)
        case "abandoned":
            return Abandoned(now_ms)
        case None:
            missing("record", _KINDS)
