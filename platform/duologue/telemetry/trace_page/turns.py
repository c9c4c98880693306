"""What a session's spans tell of its turns: what was heard, decided and said, and when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from duologue.telemetry import names
from duologue.telemetry.span_reading import SpanEvent, SpanRow

_TURNS = (names.TURN, names.RESPONSE_REST)


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of text as it came."""

    at_ms: float
    num_chars: int
    text: str
    """Empty where texts were not recorded."""
    is_revision: bool
    is_final: bool


@dataclass(frozen=True, slots=True)
class Held:
    """A reply that was computed and not yet shown."""

    start_ms: float
    end_ms: float
    is_taken_back: bool
    """Whether nobody has ever seen it."""


@dataclass(frozen=True)
class TurnRow:
    """A turn, or the rest of a reply that was resumed."""

    number: int
    """From 1, in the order in which they began."""
    row: SpanRow

    @property
    def told(self) -> Mapping[str, Any]:
        return self.row.attributes

    @cached_property
    def heard(self) -> list[Text]:
        return self._texts(names.INPUT_PIECE, names.INPUT_TEXT)

    @cached_property
    def said(self) -> list[Text]:
        return self._texts(names.RESPONSE_PIECE, names.OUTPUT_TEXT)

    @cached_property
    def judged(self) -> list[SpanEvent]:
        return self._events(names.INPUT_STATE)

    @cached_property
    def held(self) -> list[Held]:
        """Its replies that waited: those that were taken back, and the one that was shown."""
        found = []
        decided_ms: float | None = None
        for event in self.row.events:
            is_shown = event.name == names.RESPONSE_STARTED
            if event.name == names.INPUT_STATE and event.attributes.get(names.STATE) == "query":
                decided_ms = event.at_ms
            elif decided_ms is not None and (is_shown or event.name == names.TAKEN_BACK_UNSEEN):
                found.append(Held(decided_ms, event.at_ms, not is_shown))
                decided_ms = None
        return found

    @property
    def shown_ms(self) -> float | None:
        """When its reply was first shown, or went on."""
        shown = self._events(names.RESPONSE_STARTED) or self._events(names.RESPONSE_RESUMED)
        return shown[0].at_ms if shown else None

    @property
    def heard_ms(self) -> float | None:
        """When the last word came that its reply answers."""
        before = [each.at_ms for each in self.heard]
        return before[-1] if before else None

    @property
    def is_rest(self) -> bool:
        return self.row.name == names.RESPONSE_REST

    def silences(self) -> list[tuple[float, float]]:
        """Times in which its reply was paused."""
        found = []
        paused_ms: float | None = None
        for event in self.row.events:
            if event.name == names.RESPONSE_PAUSED:
                paused_ms = event.at_ms if paused_ms is None else paused_ms
            elif event.name in (names.RESPONSE_RESUMED, names.INTERRUPTED):
                if paused_ms is not None:
                    found.append((paused_ms, event.at_ms))
                paused_ms = None
        return found if paused_ms is None else [*found, (paused_ms, self.row.end_ms)]

    def interrupted_ms(self) -> float | None:
        cuts = self._events(names.INTERRUPTED)
        return cuts[0].at_ms if cuts else None

    def _events(self, name: str) -> list[SpanEvent]:
        return [event for event in self.row.events if event.name == name]

    def _texts(self, name: str, text_name: str) -> list[Text]:
        return [
            Text(
                event.at_ms,
                int(event.attributes.get(names.NUM_CHARS, 0)),
                str(event.attributes.get(text_name, "")),
                names.IS_REVISION in event.attributes,
                names.IS_FINAL in event.attributes,
            )
            for event in self._events(name)
        ]


def turns_of(rows: Sequence[SpanRow]) -> list[TurnRow]:
    """The turns among the spans of a session."""
    found = sorted((row for row in rows if row.name in _TURNS), key=lambda row: row.start_ms)
    return [TurnRow(number, row) for number, row in enumerate(found, 1)]
