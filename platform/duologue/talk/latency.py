"""How long the user waited: from the last text before a reply to the reply's first text."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from duologue.events import (
    Envelope,
    InputState,
    Interrupted,
    ResponseDelta,
    ResponseStarted,
)
from duologue.states import State


@dataclass(slots=True)
class ReplyLatency:
    """One reply's way from the query's last text."""

    response_id: int
    query: str
    decided_ms: float
    """From the last text to the decision."""
    first_text_ms: float | None = None
    """From the last text to the first text of the reply."""
    was_interrupted: bool = False


@dataclass(slots=True)
class LatencyMeter:
    """Watches what goes to and from a session; times are those of the caller's clock."""

    replies: list[ReplyLatency] = field(default_factory=list)
    _last_text_ms: float = 0.0
    _query: str = ""
    _query_text_ms: float = 0.0

    def heard(self, now_ms: float) -> None:
        """The user's text was sent."""
        self._last_text_ms = now_ms

    def told(self, envelopes: Sequence[Envelope], now_ms: float) -> ReplyLatency | None:
        """Server events arrived; returns the latency of a reply whose first text is among them."""
        fresh = None
        for envelope in envelopes:
            match envelope.event:
                case InputState(State.QUERY, _, text):
                    self._query, self._query_text_ms = text, self._last_text_ms
                case ResponseStarted(response_id):
                    waited_ms = now_ms - self._query_text_ms
                    self.replies.append(ReplyLatency(response_id, self._query, waited_ms))
                case ResponseDelta():
                    reply = self.replies[-1]
                    if reply.first_text_ms is None:
                        reply.first_text_ms = now_ms - self._query_text_ms
                        fresh = reply
                case Interrupted():
                    self.replies[-1].was_interrupted = True
                case _:
                    pass
        return fresh
