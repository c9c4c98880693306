"""How a client plays replies and reports it, as a scenario describes it."""

from dataclasses import dataclass
from enum import StrEnum

from duologue.errors import InvalidInput


class Begins(StrEnum):
    """When a client begins to report."""

    AT_ONCE = "at_once"
    REPLY_DONE = "reply_done"
    """Only when all of the reply's text is there, as a player that loads it first."""


@dataclass(frozen=True, slots=True)
class Playback:
    """A player says the text at an even rate, and reports from time to time how far it is."""

    chars_per_second: int = 15
    every_ms: int = 250
    """From one report to the next."""
    late_ms: int = 0
    """How long a report is on its way."""
    short_by: int = 0
    """So many characters at the end of a reply are heard and never reported."""
    stops_at: int | None = None
    """No report says more than so many characters, however much is heard."""
    begins: Begins = Begins.AT_ONCE
    is_declared: bool = True
    """Whether the session is told at its beginning that there will be reports."""

    def __post_init__(self) -> None:
        _check("chars_per_second", self.chars_per_second, 1, 1000)
        _check("every_ms", self.every_ms, 20, 10_000)
        _check("late_ms", self.late_ms, 0, 10_000)
        _check("short_by", self.short_by, 0, 1000)
        _check("stops_at", self.stops_at or 0, 0, 100_000)


def _check(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InvalidInput(f"must be from {least} to {most}, not {value}", field=name)
