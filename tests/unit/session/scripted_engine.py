"""An engine whose model is a script: the real lanes and strategies, but no tensors.

A reply is a text that was written down beforehand, a state depends on the words of the utterance.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from duologue.errors import DuologueError, KVMemoryExhausted
from duologue.kv.channel import Channel
from duologue.lane.lane import Lane
from duologue.lane.profile import LaneProfile
from duologue.lane.slices import Slice, SliceResult
from duologue.states import State
from duologue.strategies.base import Demand, ForwardOutcome, SliceRun, Slicing, Strategy
from duologue.text.tokenizer import Tokenizer

Probabilities = Mapping[State, float]

MAX_FORWARDS = 500
"""A slice that takes more never ends."""


def sure(state: State) -> Probabilities:
    """One state stands out."""
    return {label: 0.91 if label is state else 0.03 for label in State}


LEANING: Probabilities = {
    State.QUERY: 0.35,
    State.NON_QUERY: 0.2,
    State.INCOMPLETE: 0.44,
    State.HOLD: 0.01,
}
"""A query for those with low patience."""

UNSURE: Probabilities = {
    State.QUERY: 0.05,
    State.NON_QUERY: 0.04,
    State.INCOMPLETE: 0.9,
    State.HOLD: 0.01,
}
"""A query only when the last limit decides, or the caller."""

WAVERING: Probabilities = {
    State.QUERY: 0.25,
    State.NON_QUERY: 0.1,
    State.INCOMPLETE: 0.64,
    State.HOLD: 0.01,
}
"""A query only when patience is out, which it is before the last limit."""

BABBLE: Probabilities = {
    State.QUERY: 0.2,
    State.NON_QUERY: 0.45,
    State.INCOMPLETE: 0.34,
    State.HOLD: 0.01,
}
"""Not a query when patience is out."""


def state_of(text: str) -> Probabilities:
    """What the scripted model makes of an utterance: its end tells."""
    for end, probabilities in (
        ("?", sure(State.QUERY)),
        ("mhm", sure(State.NON_QUERY)),
        ("hush", sure(State.HOLD)),
        ("please", LEANING),
        ("maybe", WAVERING),
        ("la", BABBLE),
    ):
        if text.rstrip().endswith(end):
            return probabilities
    return UNSURE


class Model(Protocol):
    """What a forward is asked for."""

    def read(self, lane: Lane) -> Probabilities:
        """The state of the utterance, look-ahead included."""

    def look_ahead(self, lane: Lane) -> int:
        """The token behind the utterance."""

    def speak(self, lane: Lane) -> int:
        """The reply's next token."""


@dataclass(slots=True)
class Script:
    """Says its replies one after the other; those beyond the last are like the last."""

    tokenizer: Tokenizer
    stop_token: int
    replies: Sequence[str | Sequence[int]] = ("Fine.",)
    ahead: str = "#"
    """What it expects behind any utterance."""
    states: Mapping[str, Probabilities] = field(default_factory=dict)
    """Of texts that are not to be judged by their ends."""
    num_said: dict[int, int] = field(default_factory=dict)

    def read(self, lane: Lane) -> Probabilities:
        text = self.tokenizer.decode(lane.utterance)
        return self.states.get(text, state_of(text))

    def look_ahead(self, lane: Lane) -> int:
        return self.tokenizer.encode(self.ahead)[0]

    def speak(self, lane: Lane) -> int:
        number = lane.reply_number
        tokens = self.tokens(number)
        place = min(self.num_said.get(number, 0), lane.num_reply_tokens)
        self.num_said[number] = place + 1
        return tokens[place] if place < len(tokens) else self.stop_token

    def tokens(self, number: int) -> list[int]:
        """All that it has to say in reply `number`, from 1."""
        reply = self.replies[min(number, len(self.replies)) - 1]
        return self.tokenizer.encode(reply) if isinstance(reply, str) else list(reply)


class Reciter(Script):
    """Knows from the lane alone how far it has come, as models do."""

    def speak(self, lane: Lane) -> int:
        tokens, place = self.tokens(lane.reply_number), lane.num_reply_tokens
        return tokens[place] if place < len(tokens) else self.stop_token


class Cells:
    """Cells are numbers; one that is given up twice is an error."""

    def __init__(self) -> None:
        self.owners: dict[int, Channel] = {}
        self._num_taken = 0

    def take(self, count: int, owner: Channel) -> range:
        taken = range(self._num_taken, self._num_taken + count)
        self._num_taken += count
        self.owners.update(dict.fromkeys(taken, owner))
        return taken

    def free(self, cells: Sequence[int]) -> None:
        for cell in cells:
            del self.owners[cell]

    def fit(self, owner: Channel, other: Channel) -> bool:
        return True

    def relabel(self, cells: Sequence[int], owner: Channel) -> None:
        self.owners.update(dict.fromkeys([self._known(cell) for cell in cells], owner))

    def _known(self, cell: int) -> int:
        assert cell in self.owners, cell
        return cell


class ScriptedEngine:
    """Runs the slices of one session as the real engine's jobs do."""

    def __init__(self, lane: Lane, profile: LaneProfile, strategy: Strategy, model: Model) -> None:
        self.lane = lane
        self.model = model
        self.cells = Cells()
        self.num_slices = 0
        self.rows_per_forward = 1000
        self.fails_after_forwards: int | None = None
        """The memory is exhausted when so many forwards of a slice have run."""
        self.profile = profile
        self.shows: Callable[[Sequence[int]], bool] = bool
        """Whether a reply that begins with some tokens has text to show."""
        self._strategy = strategy
        self._evidence: list[Probabilities] = []
        lane.cells = self.cells

    def rest(self) -> None:
        """Forget what can be computed again."""
        self.lane.drop_cells()
        self._evidence.clear()

    def run(self, work: Slice) -> SliceResult:
        self.num_slices += 1
        run = SliceRun(self.lane, self.profile, work, self._evidence, self.shows)
        slicing = self._strategy.run(run)
        num_forwards, error = 0, None
        try:
            num_forwards = self._forwards(slicing)
        except DuologueError as caught:
            slicing.close()
            error = caught
        self._check_cells()
        return SliceResult(
            session_id=work.session_id,
            epoch=work.epoch,
            tick=work.tick,
            steps=tuple(run.steps),
            judgement=run.judgement,
            num_forwards=num_forwards,
            error=error,
        )

    def _forwards(self, slicing: Slicing) -> int:
        num_forwards = 0
        try:
            demand = next(slicing)
            while True:
                assert num_forwards < MAX_FORWARDS, "the slice does not end"
                if num_forwards == self.fails_after_forwards:
                    raise KVMemoryExhausted("no room for more cells")
                num_forwards += 1
                demand = slicing.send(self._forward(demand))
        except StopIteration:
            return num_forwards

    def _forward(self, demand: Demand) -> ForwardOutcome:
        """Compute trunk, output and input, as far as the rows allow."""
        room = self._fill(Channel.TRUNK, self.rows_per_forward)
        is_heard, is_said = False, False
        if self.lane.trunk.is_cached:
            if demand.speak:
                had_all = self.lane.output.is_cached
                room = self._fill(Channel.OUTPUT, room)
                is_said = self.lane.output.is_cached and not had_all
            if demand.listen:
                self._fill(Channel.INPUT, room)
                is_heard = self.lane.input.is_cached
        return ForwardOutcome(
            probabilities=self.model.read(self.lane) if is_heard else None,
            look_ahead=self.model.look_ahead(self.lane) if is_heard and demand.look_ahead else None,
            reply_token=self.model.speak(self.lane) if is_said else None,
        )

    def _fill(self, owner: Channel, room: int) -> int:
        """Give cells to a channel; returns the room that is left."""
        channel = self.lane.channel(owner)
        count = min(room, channel.num_uncached)
        channel.cells.extend(self.cells.take(count, owner))
        return room - count

    def _check_cells(self) -> None:
        lane = self.lane
        of_lane = {cell: owner for owner in Channel for cell in lane.channel(owner).cells}
        assert of_lane == self.cells.owners
