"""How long the user waited: from the last text before a reply to the reply's first text."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from duologue.events import (
    Envelope,
    InputState,
    Interrupted,
    ResponseDelta,
    ResponseResumed,
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
    held_ms: float = 0.0
    """From the decision to its confirmation: until then nothing of the reply is shown."""
    first_text_ms: float | None = None
    """From the last text to the first text of the reply that was shown."""
    was_interrupted: bool = False


@dataclass(slots=True)
class LatencyMeter:
    """Watches what goes to and from a session; times are those of the caller's clock."""

    replies: list[ReplyLatency] = field(default_factory=list)
    _last_text_ms: float = 0.0
    _query: str = ""
    _query_text_ms: float = 0.0
    _decided_ms: float = 0.0

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
                    self._decided_ms = now_ms
                case ResponseStarted(response_id):
                    self.replies.append(self._begun(response_id, now_ms))
                case ResponseDelta():
                    reply = self.replies[-1]
                    if reply.first_text_ms is None:
                        reply.first_text_ms = now_ms - self._query_text_ms
                        fresh = reply
                case Interrupted(response_id):
                    self._mark(response_id, was_interrupted=True)
                case ResponseResumed(response_id):
                    self._mark(response_id, was_interrupted=False)
                case _:
                    pass
        return fresh

    def _begun(self, response_id: int, now_ms: float) -> ReplyLatency:
        decided_ms = self._decided_ms - self._query_text_ms
        return ReplyLatency(response_id, self._query, decided_ms, now_ms - self._decided_ms)

    def _mark(self, response_id: int, *, was_interrupted: bool) -> None:
        for reply in self.replies:
            if reply.response_id == response_id:
                reply.was_interrupted = was_interrupted
