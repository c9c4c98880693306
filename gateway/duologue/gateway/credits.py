"""When a session's actor is told how far its client has read."""

from duologue.v1 import events_pb2 as pb

MAX_STRIDE = 16


class Credits:
    """Telling it for every event would double the messages; too seldom, and the reply waits."""

    def __init__(self, unseen_events: int, written_seq: int = 0) -> None:
        """`unseen_events` is what the actor lets wait (`sessions.unseen_events`)."""
        self._stride = max(1, min(MAX_STRIDE, unseen_events // 4))
        self._told_seq = written_seq
        self._is_waited_for = False
        self.written_seq = written_seq
        """The last numbered event that was written to the client."""

    @property
    def is_due(self) -> bool:
        """Whether the actor is to be told now."""
        num_untold = self.written_seq - self._told_seq
        return num_untold >= (1 if self._is_waited_for else self._stride)

    def written(self, event: pb.ServerEvent) -> None:
        """An event was written to the client."""
        self.written_seq = max(self.written_seq, event.server_seq)
        if event.HasField("backpressure") or event.HasField("response_done"):
            self._is_waited_for = True

    def told(self) -> int:
        """The number to tell the actor, which is told then."""
        self._told_seq, self._is_waited_for = self.written_seq, False
        return self.written_seq
