"""A slice on its way, and a decision that can still be taken back."""

from collections.abc import Mapping
from dataclasses import dataclass

from duologue.lane.slices import Slice
from duologue.session.setup import SessionSetup
from duologue.states import State


@dataclass(frozen=True, slots=True)
class Flight:
    """A slice that is under way, and what the session looked like when it left.

    What comes of it is about this state of things, whatever the client says in the meantime.
    """

    work: Slice
    setup: SessionSetup
    is_judging: bool
    """Whether the utterance is to be judged in it."""
    text: str
    """The utterance."""
    segments: Mapping[str, str]
    segment_ids: tuple[str, ...]
    tokens: tuple[int, ...]
    """The utterance's tokens, once the engine has heard the slice's edit."""
    is_committed: bool
    """Whether the client had said that the turn is over."""
    heard_chars: int
    """How much of the reply the user had heard."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The last decision about an utterance, as long as text may follow that belongs to it."""

    state: State
    at_ms: float
    tokens: tuple[int, ...]
    """The utterance's tokens, as the engine knew them."""
