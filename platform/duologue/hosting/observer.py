"""Who follows what happens to a session, without a say in it: a tracer, for one."""

from collections.abc import Sequence
from typing import Protocol

from duologue.events import ClientEvent, Envelope
from duologue.lane.slices import Slice, SliceResult
from duologue.usage import Usage


class HostObserver(Protocol):
    """Told of everything at once; `duologue.telemetry.session_spans.SessionSpans` is one."""

    def received(self, event: ClientEvent, now_ms: float) -> None:
        """The client said something."""

    def departed(self, work: Slice, now_ms: float) -> None:
        """A slice left."""

    def arrived(self, result: SliceResult, envelopes: Sequence[Envelope], now_ms: float) -> None:
        """A slice came back, and this is what the client will be told of it."""

    def elapsed(self, envelopes: Sequence[Envelope], now_ms: float) -> None:
        """Time, or what the client said, brought this: the client will be told of it."""

    def abandoned(self, now_ms: float) -> None:
        """A slice will never come back."""

    def closed(self, usage: Usage, now_ms: float) -> None:
        """The session is over, or goes elsewhere."""


class Unobserved:
    """Nobody follows."""

    def received(self, event: ClientEvent, now_ms: float) -> None:
        pass

    def departed(self, work: Slice, now_ms: float) -> None:
        pass

    def arrived(self, result: SliceResult, envelopes: Sequence[Envelope], now_ms: float) -> None:
        pass

    def elapsed(self, envelopes: Sequence[Envelope], now_ms: float) -> None:
        pass

    def abandoned(self, now_ms: float) -> None:
        pass

    def closed(self, usage: Usage, now_ms: float) -> None:
        pass
