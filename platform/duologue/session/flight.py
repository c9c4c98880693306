"""A slice on its way, and a decision that can still be taken back."""

from collections.abc import Mapping
from dataclasses import dataclass

from duologue.lane.slices import Slice, SliceResult
from duologue.lane.steps import Hear, Say
from duologue.session.setup import SessionSetup
from duologue.states import State
from duologue.usage import Usage


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


def usage_of(result: SliceResult) -> Usage:
    """What one slice has used."""
    heard = sum(len(step.append) for step in result.steps if isinstance(step, Hear))
    said = sum(len(step.tokens) for step in result.steps if isinstance(step, Say))
    return Usage(input_tokens=heard, output_tokens=said, slices=1)
