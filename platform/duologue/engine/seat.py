"""A seat: what an engine keeps of one session between its slices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from duologue.errors import KVMemoryExhausted
from duologue.kv.channel import Channel
from duologue.kv.memory import KVMemory, Opening
from duologue.kv.slot import Slot
from duologue.lane.cells import NoCells
from duologue.lane.lane import Lane
from duologue.lane.profile import LaneProfile
from duologue.states import State
from duologue.strategies.base import Strategy


class SlotCells:
    """The cells of a lane that sits in a slot."""

    def __init__(self, memory: KVMemory, slot: Slot, adapts_input: bool) -> None:
        self._memory = memory
        self._slot = slot
        self._adapts_input = adapts_input

    def free(self, cells: Sequence[int]) -> None:
        self._memory.free(self._slot, cells)

    def fit(self, owner: Channel, other: Channel) -> bool:
        return not self._adapts_input or (owner is Channel.INPUT) == (other is Channel.INPUT)

    def relabel(self, cells: Sequence[int], owner: Channel) -> None:
        self._memory.relabel(self._slot, cells, owner)


@dataclass(slots=True)
class Seat:
    """A session's lane, its ways, and its slot while it holds one."""

    session_id: str
    epoch: int
    lane: Lane
    profile: LaneProfile
    strategy: Strategy
    evidence: list[Mapping[State, float]] = field(default_factory=list)
    slot: Slot | None = None
    adapts_input: bool = False
    """Whether rows of the input channel are computed in another way than the other rows."""
    low_channels: set[Channel] = field(default_factory=set)
    """Channels that have cells whose upper layers were left out, which look-ahead would need."""
    looks_ahead: bool = False
    """Whether a slice looked ahead."""
    opening: Opening | None = None
    """What the trunk begins with, if it is shared."""
    is_opening_shared: bool = False
    """Whether others can begin with its cells, or it began with those of others."""

    def settle(self, memory: KVMemory) -> Slot:
        """The session's slot with its cells on the device, opened when it has none.

        Raises `KVMemoryExhausted` if there is not room for all that the session has said.
        """
        if self.slot is None:
            slot, cells = memory.open(self.opening)
            try:
                memory.check_room(slot, self.lane.num_tokens)
            except KVMemoryExhausted:
                memory.close(slot)
                raise
            self.slot = slot
            self.lane.cells = SlotCells(memory, slot, self.adapts_input)
            self.lane.trunk.cells.extend(cells)
            is_whole = self.opening is not None and len(cells) == len(self.opening.tokens)
            self.is_opening_shared = is_whole
        memory.move_in(self.slot)
        return self.slot

    def give_up_low_cells(self) -> None:
        """Let be computed again, to the top, what was not."""
        lane = self.lane
        if self.low_channels:
            lane.kept.drop(lane.cells)
            lane.cells.free(lane.input.uncache())
        if Channel.TRUNK in self.low_channels:
            lane.cells.free(lane.trunk.uncache(lane.num_opening_tokens))
        self.low_channels.clear()

    def rest(self, memory: KVMemory) -> None:
        """Hold no memory of the device: what the host has no room for is given up."""
        if self.slot is not None and not memory.move_out(self.slot):
            self.vacate(memory)

    def make_room(self, memory: KVMemory) -> None:
        """Give up the cells, if they are on the device."""
        if self.slot is not None and not memory.host.holds(self.slot):
            self.vacate(memory)

    def vacate(self, memory: KVMemory) -> None:
        """Give the slot back; the lane keeps its tokens and can settle again."""
        if self.slot is None:
            return
        slot, self.slot = self.slot, None
        try:
            self.lane.drop_cells()
        finally:  # whatever the lane is at: the slot is free for others
            self.lane.cells = NoCells()
            memory.close(slot)
            self.evidence.clear()
