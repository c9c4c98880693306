"""When the last word before a reply and the reply's first text passed through a gateway. Pure."""

from dataclasses import dataclass

_SPEAKING = ("input_append", "input_revise", "input_commit")


@dataclass(frozen=True, slots=True)
class ReplyTimes:
    """Of one reply, in the clock's milliseconds."""

    response_id: int
    said_ms: float
    """The last word came from the client ..."""
    sent_ms: float
    """... and was written to the session's actor."""
    came_ms: float
    """The first text came from the actor ..."""
    told_ms: float
    """... and was written to the client."""


class ReplyClock:
    """Is told of the events of one connection as they pass."""

    def __init__(self) -> None:
        self._said: tuple[int, float] | None = None
        """The last word's number, and when it came."""
        self._sent_ms: float | None = None
        self._begun: tuple[int, float, float] | None = None
        """The reply whose text is waited for, and when its last word came and was sent."""
        self._came_ms: float | None = None

    def said(self, kind: str, client_seq: int, now_ms: float) -> None:
        """A client event came."""
        if kind in _SPEAKING:
            self._said, self._sent_ms = (client_seq, now_ms), None

    def sent(self, client_seq: int, now_ms: float) -> None:
        """It was written to the actor; again, if another actor has the session by now."""
        if self._said is not None and self._said[0] == client_seq:
            self._sent_ms = now_ms

    def came(self, kind: str, response_id: int, now_ms: float) -> None:
        """An event came from the actor."""
        if kind == "response_started":
            self._begun, self._came_ms = None, None
            if self._said is not None and self._sent_ms is not None:
                self._begun = response_id, self._said[1], self._sent_ms
            self._said = None
        elif kind == "response_delta" and self._is_awaited(response_id) and self._came_ms is None:
            self._came_ms = now_ms

    def told(self, kind: str, response_id: int, now_ms: float) -> ReplyTimes | None:
        """An event was written to the client; returns what is known, with a reply's first text."""
        if kind != "response_delta" or not self._is_awaited(response_id) or self._came_ms is None:
            return None
        assert self._begun is not None
        _, said_ms, sent_ms = self._begun
        times = ReplyTimes(response_id, said_ms, sent_ms, self._came_ms, now_ms)
        self._begun = self._came_ms = None
        return times

    def _is_awaited(self, response_id: int) -> bool:
        return self._begun is not None and self._begun[0] == response_id
