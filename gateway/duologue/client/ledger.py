"""What makes resuming exact: events sent and not yet taken, and events seen."""

from collections import deque
from collections.abc import Sequence
from enum import Enum

from duologue.client.errors import InvalidRequest, SendBufferFull
from duologue.errors import InvalidInput
from duologue.events import ClientEvent
from duologue.v1 import events_pb2 as pb
from duologue.wire.events import client_event_to_pb


class SentLedger:
    """The client's events in their order, kept until the session has them for good."""

    def __init__(self, *, max_events: int, max_event_bytes: int) -> None:
        assert max_events >= 1
        self._max_events = max_events
        self._max_event_bytes = max_event_bytes
        self._kept: deque[pb.ClientEvent] = deque()
        self._last_seq = 0
        self._taken_seq = 0

    @property
    def last_seq(self) -> int:
        """The number of the newest event."""
        return self._last_seq

    @property
    def taken_seq(self) -> int:
        """The number of the last event that the session keeps whatever happens."""
        return self._taken_seq

    @property
    def num_kept(self) -> int:
        return len(self._kept)

    @property
    def is_full(self) -> bool:
        return len(self._kept) >= self._max_events

    def add(self, event: ClientEvent) -> int:
        """Give the event its number and keep it.

        Raises InvalidRequest or SendBufferFull, and then nothing has changed.
        """
        if self.is_full:
            raise SendBufferFull(
                f"{len(self._kept)} events wait to be taken by the session, which is the limit"
            )
        self._kept.append(self._message(self._last_seq + 1, event))
        self._last_seq += 1
        return self._last_seq

    def taken(self, client_seq: int) -> bool:
        """The session has every event up to this one; returns whether that is news.

        Before this client's first event they may be those of an earlier one.
        """
        if client_seq <= self._taken_seq:
            return False
        self._taken_seq = client_seq
        self._last_seq = max(self._last_seq, client_seq)
        while self._kept and self._kept[0].client_seq <= client_seq:
            self._kept.popleft()
        return True

    def after(self, client_seq: int) -> Sequence[pb.ClientEvent]:
        """The kept events behind a number, oldest first."""
        return [event for event in self._kept if event.client_seq > client_seq]

    def _message(self, client_seq: int, event: ClientEvent) -> pb.ClientEvent:
        try:
            message = client_event_to_pb(client_seq, event)
        except InvalidInput as error:
            raise InvalidRequest(str(error), error.field or None) from error
        if message.ByteSize() > self._max_event_bytes:
            kind = message.WhichOneof("event")
            raise InvalidRequest(
                f"{kind} must fit into {self._max_event_bytes} bytes, not {message.ByteSize()}; "
                "send longer texts in pieces",
                kind,
            )
        return message


class Arrival(Enum):
    """What a numbered event is to the one who waits for the next number."""

    NEXT = "next"
    REPEATED = "repeated"
    BEYOND_A_GAP = "beyond a gap"


class SeenEvents:
    """The number of the last event that was seen, and what was wrong with others."""

    def __init__(self, last_seq: int = 0) -> None:
        self.last_seq = last_seq
        self.num_repeated = 0
        self.num_gaps = 0

    def arrive(self, server_seq: int) -> Arrival:
        """Judge a number; only the next one moves the mark."""
        if server_seq <= self.last_seq:
            self.num_repeated += 1
            return Arrival.REPEATED
        if server_seq > self.last_seq + 1:
            self.num_gaps += 1
            return Arrival.BEYOND_A_GAP
        self.last_seq = server_seq
        return Arrival.NEXT
