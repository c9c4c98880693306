"""What the first text of each reply waited for, by component, from the spans of its session alone.

The wait begins when the last word comes to a gateway and ends when the text is written to the
client. What is measured where it happens is taken from it: the gateway on both ways, the journal's
writes, slices at the batching actor, the floor. What is left is the session actor's, with its wait
for a tick and the ways between the processes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from duologue.telemetry import names
from duologue.telemetry.span_reading import SpanRow


class Component(StrEnum):
    """What a reply can wait for."""

    GATEWAY = "gateway"
    SESSION = "session actor"
    BATCHING = "batching actor"
    STORE = "store"
    FLOOR = "floor"
    """Held until the decision was sure: meant to be."""


@dataclass(frozen=True, slots=True)
class TurnWait:
    """The wait for one reply."""

    span_id: str
    """Of the turn."""
    start_ms: float
    end_ms: float
    parts_ms: Mapping[Component, float]
    """Of all components, in the order of the kinds."""

    @property
    def ms(self) -> float:
        return self.end_ms - self.start_ms

    @property
    def slowest(self) -> Component:
        """What most of the wait was for; the floor's part is meant to be."""
        parts = {each: ms for each, ms in self.parts_ms.items() if each is not Component.FLOOR}
        return max(parts, key=lambda component: parts[component])

    def told(self) -> str:
        """In a line: the parts from the longest on, those that are nothing left out."""
        ordered = sorted(self.parts_ms.items(), key=lambda part: -part[1])
        parts = ", ".join(f"{component} {ms:.0f}" for component, ms in ordered if ms >= 0.5)
        return f"{self.ms:.0f} ms, slowest: {self.slowest} ({parts})"


def turn_waits(rows: Sequence[SpanRow]) -> list[TurnWait]:
    """Of all turns whose reply went through a gateway, in order."""
    replies = {
        row.attributes[names.RESPONSE_ID]: row for row in rows if row.name == names.RELAY_REPLY
    }
    found = []
    for turn in rows:
        reply = replies.get(turn.attributes.get(names.RESPONSE_ID))
        if turn.name == names.TURN and reply is not None:
            found.append(_wait(turn, reply, rows))
    return sorted(found, key=lambda wait: wait.start_ms)


def slowest_wait(rows: Sequence[SpanRow]) -> TurnWait | None:
    """The longest of them, without what the floor held."""
    waits = turn_waits(rows)
    return max(waits, key=lambda wait: wait.ms - wait.parts_ms[Component.FLOOR], default=None)


_Span = tuple[float, float]


def _wait(turn: SpanRow, reply: SpanRow, rows: Sequence[SpanRow]) -> TurnWait:
    in_ms, out_ms = (reply.attributes[name] for name in (names.RELAY_IN_MS, names.RELAY_OUT_MS))
    start_ms, end_ms = reply.start_ms + in_ms, reply.end_ms - out_ms
    texts = [event.at_ms for event in turn.events if event.name == names.RESPONSE_PIECE]
    ready_ms = min([*texts, end_ms])
    """When the session had the text, which is shown once it is kept."""
    held = _held(turn, start_ms, ready_ms)
    writes = [(r.start_ms, r.end_ms) for r in rows if r.name == names.JOURNAL_WRITE]
    store_ms = _covered(writes, ready_ms, end_ms)
    batching_ms = 0.0
    for row in rows:
        if row.name == names.SLICE:
            within = _covered([(row.start_ms, row.end_ms)], start_ms, held[0])
            batching_ms += min(within, row.attributes.get(names.BATCHING_MS, within))
    floor_ms = held[1] - held[0]
    left_ms = (end_ms - start_ms) - store_ms - batching_ms - floor_ms
    parts = {
        Component.GATEWAY: in_ms + out_ms,
        Component.SESSION: max(0.0, left_ms),
        Component.BATCHING: batching_ms,
        Component.STORE: store_ms,
        Component.FLOOR: floor_ms,
    }
    return TurnWait(turn.span_id, reply.start_ms, reply.end_ms, parts)


def _held(turn: SpanRow, start_ms: float, ready_ms: float) -> _Span:
    """When the reply was there and the floor let it wait; an empty time where it did not."""
    for event in turn.events:
        if event.name == names.RESPONSE_STARTED and (held := event.attributes.get(names.HELD_MS)):
            until_ms = min(max(event.at_ms, start_ms), ready_ms)
            return max(start_ms, min(until_ms, event.at_ms - held)), until_ms
    return ready_ms, ready_ms


def _covered(spans: Iterable[_Span], start_ms: float, end_ms: float) -> float:
    """How much of a time these spans cover, those that overlap counted once."""
    covered_ms, reached_ms = 0.0, start_ms
    for begin, end in sorted(spans):
        begin, end = max(begin, reached_ms), min(end, end_ms)
        if end > begin:
            covered_ms += end - begin
            reached_ms = end
    return covered_ms
