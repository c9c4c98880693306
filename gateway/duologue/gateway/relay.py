"""What one client's stream owes to both sides, whatever becomes of the session's actors. Pure.

Towards the session: client events are kept until the session has them for good, and sent again to
each actor that takes over. Towards the client: each numbered event passes once and in order.
"""

from collections import deque
from collections.abc import Sequence
from enum import Enum

from duologue.errors import InvalidInput
from duologue.v1 import events_pb2 as pb
from duologue.v1 import session_pb2

MAX_KEPT_EVENTS = 256
MAX_KEPT_BYTES = 2**18
"""One event always has room, however large."""

_KINDS = tuple(field.name for field in pb.ClientEvent.DESCRIPTOR.oneofs_by_name["event"].fields)


class EventOrder(Enum):
    """What becomes of an event from the session."""

    PASSES = "passes"
    WAS_PASSED = "was passed already"
    IS_EARLY = "one before it is missing"


class Relay:
    """The books of one stream."""

    def __init__(
        self,
        tenant_id: str,
        session_id: str,
        last_server_seq: int = 0,
        *,
        connection_number: int = 0,
    ) -> None:
        self._tenant_id = tenant_id
        self._session_id = session_id
        self._kept: deque[pb.ClientEvent] = deque()
        self._kept_bytes = 0
        self._connection_number = connection_number
        self.last_client_seq = 0
        """The last event that the client said, or an earlier connection of it."""
        self.safe_client_seq = 0
        """The last one that the session keeps whatever happens."""
        self.last_server_seq = last_server_seq
        """The last numbered event that was passed on to the client."""

    # From the client.

    @property
    def num_kept(self) -> int:
        return len(self._kept)

    @property
    def is_full(self) -> bool:
        """Whether the client has to wait until the session has taken more."""
        return len(self._kept) >= MAX_KEPT_EVENTS or self._kept_bytes >= MAX_KEPT_BYTES

    def is_news(self, event: pb.ClientEvent) -> bool:
        """Whether it is to be taken: not a repeat. Raises InvalidInput naming the field."""
        seq, expected = event.client_seq, self.last_client_seq + 1
        if seq < 1:
            raise InvalidInput(f"must be 1 or more, not {seq}", field="event.client_seq")
        if seq < expected:
            return False
        if seq > expected:
            raise InvalidInput(
                f"must be {expected}, the one after the last, not {seq}", field="event.client_seq"
            )
        if event.WhichOneof("event") is None:
            raise InvalidInput(f"must be set to one of {', '.join(_KINDS)}", field="event.event")
        return True

    def take(self, event: pb.ClientEvent) -> None:
        """Keep an event that is news, to be sent."""
        assert event.client_seq == self.last_client_seq + 1, "only news are taken"
        assert not self.is_full, "the reader waits while this is full"
        self._kept.append(event)
        self._kept_bytes += event.ByteSize()
        self.last_client_seq = event.client_seq

    def after(self, client_seq: int) -> Sequence[pb.ClientEvent]:
        """The kept events behind a number, oldest first."""
        return [event for event in self._kept if event.client_seq > client_seq]

    # From the session.

    def hello(self, epoch: int) -> session_pb2.Hello:
        """What attaches this stream to an actor."""
        return session_pb2.Hello(
            tenant_id=self._tenant_id,
            session_id=self._session_id,
            epoch=epoch,
            last_server_seq=self.last_server_seq,
            connection_number=self._connection_number,
        )

    def welcomed(self, welcome: session_pb2.Welcome) -> None:
        """An actor has the session; the events behind `welcome.last_client_seq` are due again."""
        self._is_safe(welcome.last_client_seq)

    def judge(self, event: pb.ServerEvent) -> EventOrder:
        """Whether an event is to be passed on; if so, the books say that it was."""
        self._is_safe(event.client_seq)
        seq = event.server_seq
        if seq == 0:
            return EventOrder.PASSES
        if seq <= self.last_server_seq:
            return EventOrder.WAS_PASSED
        if seq > self.last_server_seq + 1:
            return EventOrder.IS_EARLY
        self.last_server_seq = seq
        return EventOrder.PASSES

    def _is_safe(self, client_seq: int) -> None:
        self.safe_client_seq = max(self.safe_client_seq, client_seq)
        self.last_client_seq = max(self.last_client_seq, client_seq)
        while self._kept and self._kept[0].client_seq <= client_seq:
            self._kept_bytes -= self._kept.popleft().ByteSize()
