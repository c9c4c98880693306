"""The transcript: what was said, as both sides remember it."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    """Neither: what the caller let the model know."""
    TOOL = "tool"
    """A tool that the assistant called: what came of it."""


class Outcome(StrEnum):
    """What became of what was said."""

    ANSWERED = "answered"
    IGNORED = "ignored"
    HELD = "held"
    """The user asked for silence."""
    CONTINUED = "continued"
    """The utterance was too long to be settled at once, and went on in the next entry."""
    COMPLETE = "complete"
    CUT = "cut"
    """Only this much was heard."""
    FORGOTTEN = "forgotten"
    """This much was heard, but the model does not remember it: promotion by `branch`."""
    NOTED = "noted"
    """Nobody said it here: the caller let the model know."""
    CALLED = "called"
    """The assistant called tools: this is the JSON of the calls."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One utterance or one reply."""

    role: Role
    text: str
    outcome: Outcome
    response_id: int | None = None
