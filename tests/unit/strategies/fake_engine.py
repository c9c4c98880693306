"""An engine without a model: what a forward gives is said beforehand."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from duologue.kv.channel import Channel
from duologue.lane.judging import Judge
from duologue.lane.lane import Lane
from duologue.lane.profile import LaneProfile
from duologue.lane.slices import Slice
from duologue.lane.steps import Step
from duologue.states import State
from duologue.strategies.base import Demand, ForwardOutcome, SliceRun, Strategy
from duologue.text.token_edit import TokenEdit
from tests.unit.lane.fake_cells import CHAT, OPENING, FakeCells, check_cells

STOP = 0
AHEAD = 99
"""The token that every look-ahead predicts."""

Probabilities = Mapping[State, float]


def sure(state: State, probability: float = 0.9) -> Probabilities:
    """Probabilities of which one stands out."""
    rest = (1.0 - probability) / 3
    return {label: probability if label is state else rest for label in State}


UNSURE = sure(State.INCOMPLETE)
PROFILE = LaneProfile(
    judge=Judge({State.QUERY: 0.5, State.NON_QUERY: 0.5, State.HOLD: 0.5}),
    stop_tokens=frozenset({STOP}),
)


@dataclass(slots=True)
class FakeEngine:
    """Runs the slices of one lane; `states` and `replies` are used up one by one."""

    strategy: Strategy
    profile: LaneProfile = PROFILE
    states: list[Probabilities] = field(default_factory=list)
    replies: list[int] = field(default_factory=list)
    rows_per_forward: Sequence[int] = (1000,)
    """In turns, as the room that others leave may change."""
    lane: Lane = field(default_factory=lambda: Lane(CHAT, OPENING))
    cells: FakeCells = field(default_factory=FakeCells)
    evidence: list[Probabilities] = field(default_factory=list)
    shows: Callable[[Sequence[int]], bool] = bool
    """Whether a reply that begins with some tokens has text to show."""
    demands: list[Demand] = field(default_factory=list)
    """Those of the last slice, one per forward."""

    def __post_init__(self) -> None:
        self.lane.cells = self.cells

    def slice(
        self, text: Sequence[int] | None = None, *, keep: int = 0, **wishes: object
    ) -> SliceRun:
        """Run a slice to its end; `text` is what is heard behind the first `keep` tokens."""
        edit = None if text is None else TokenEdit(keep, tuple(text))
        work = Slice("session", 1, 0, edit=edit, **wishes)  # type: ignore[arg-type]
        run = SliceRun(self.lane, self.profile, work, self.evidence, self.shows)
        self.demands = []
        slicing = self.strategy.run(run)
        demand = next(slicing, None)
        while demand is not None:
            assert len(self.demands) < 500, "the slice does not end"
            self.demands.append(demand)
            outcome = self.forward(demand)
            check_cells(self.lane, self.cells)
            try:
                demand = slicing.send(outcome)
            except StopIteration:
                demand = None
        check_cells(self.lane, self.cells)
        return run

    def forward(self, demand: Demand) -> ForwardOutcome:
        """Compute what is wanted, as far as the rows allow: trunk, output, input."""
        is_whole = self._fill(demand)
        listens, speaks = demand.listen and Channel.INPUT in is_whole, Channel.OUTPUT in is_whole
        probabilities = self.states.pop(0) if listens else None
        look_ahead = AHEAD if listens and demand.look_ahead else None
        reply = self.replies.pop(0) if demand.speak and speaks else None
        return ForwardOutcome(probabilities, look_ahead, reply)

    def _fill(self, demand: Demand) -> set[Channel]:
        room = self.rows_per_forward[(len(self.demands) - 1) % len(self.rows_per_forward)]
        is_whole = set()
        for owner in self._wanted(demand):
            channel = self.lane.channel(owner)
            missing = channel.num_uncached
            count = min(room, missing)
            channel.cells.extend(self.cells.take(count, owner))
            room -= count
            if channel.is_cached and (count or owner is Channel.TRUNK):
                is_whole.add(owner)
            elif owner is Channel.TRUNK:
                break
        return is_whole

    @staticmethod
    def _wanted(demand: Demand) -> Iterator[Channel]:
        yield Channel.TRUNK
        if demand.speak:
            yield Channel.OUTPUT
        if demand.listen:
            yield Channel.INPUT

    @property
    def num_forwards(self) -> int:
        """Of the last slice."""
        return len(self.demands)


def kinds(run: SliceRun) -> list[type[Step]]:
    """What sort of steps a slice took, in order."""
    return [type(step) for step in run.steps]
