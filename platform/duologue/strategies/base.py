"""What a decoding strategy is: a slice written as a generator of demands on the merged forward."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from duologue.lane.judging import Judgement
from duologue.lane.lane import Lane
from duologue.lane.profile import LaneProfile
from duologue.lane.slices import Slice
from duologue.lane.steps import Hear, Note, Step
from duologue.states import State


@dataclass(frozen=True, slots=True)
class Demand:
    """What a slice wants from the next forward."""

    listen: bool = False
    """Compute the input channel and read the state after its last token."""
    look_ahead: bool = False
    """With `listen`: also predict the token that would come next."""
    speak: bool = False
    """Compute the output channel and sample the reply's next token."""
    recall: bool = False
    """Compute the trunk alone, which otherwise waits until a channel behind it is computed."""

    def __bool__(self) -> bool:
        return self.listen or self.speak or self.recall


@dataclass(frozen=True, slots=True)
class ForwardOutcome:
    """What a forward gave. A part is None when it was not asked for, or is not computed to its end.

    A long prefill takes several forwards; what it delays is only its own part.
    """

    probabilities: Mapping[State, float] | None = None
    look_ahead: int | None = None
    reply_token: int | None = None


Slicing = Generator[Demand, ForwardOutcome, None]
"""Yields a demand per forward and is sent its outcome."""


@dataclass(slots=True)
class SliceRun:
    """A lane at work on one slice: every change is applied and recorded."""

    lane: Lane
    profile: LaneProfile
    work: Slice
    evidence: list[Mapping[State, float]]
    """What was read of the utterance so far: silence needs no forward to be judged again."""
    shows: Callable[[Sequence[int]], bool] = bool
    """Whether a reply that begins with these tokens has text to show."""
    steps: list[Step] = field(default_factory=list)
    judgement: Judgement | None = None
    num_given: int = 0
    """Tokens said of those that the slice gives."""

    @property
    def is_decided(self) -> bool:
        """Whether this slice came to a decision about the utterance."""
        return self.judgement is not None and self.judgement.state is not State.INCOMPLETE

    def do(self, step: Step) -> None:
        """Apply and record a step; evidence is void once the utterance or its past changed."""
        num_cached = self.lane.input.num_cached
        self.lane.apply(step)
        self.steps.append(step)
        if isinstance(step, Hear | Note) or self.lane.input.num_cached < num_cached:
            self.evidence.clear()


class Strategy(Protocol):
    """One way to run slices. Strategies have no state of their own."""

    name: str
    judges: bool
    """Whether it reads states; otherwise an utterance ends when patience is out."""
    listens_while_speaking: bool
    """Otherwise what the user says during a reply waits until its end."""
    takes_back: bool
    """Whether an utterance that was answered too early can be reopened."""
    speaks: bool
    """Whether it gives replies; otherwise the caller does, and tells what it says."""

    def run(self, run: SliceRun) -> Slicing:
        """The slice; on return everything that it did is in `run`."""
