"""Cells without a memory, and a chat format to lay conversations out with."""

from collections.abc import Sequence

from duologue.kv.channel import Channel
from duologue.lane.lane import Lane
from duologue.text.chat import ChatFormat

CHAT = ChatFormat(
    bare_opening=(),
    system_header=(100,),
    system_end=(101,),
    user_header=(110, 111),
    user_end=(112,),
    reply_header=(120, 121),
    reply_end=(122,),
    stop_tokens=frozenset({0}),
    supports_system=True,
)
OPENING = (100, 1, 101)


class FakeCells:
    """Hands out cells and knows whose they are; a cell given up twice is an error."""

    def __init__(self, adapts_input: bool = False) -> None:
        self.adapts_input = adapts_input
        self.owners: dict[int, Channel] = {}
        self._num_taken = 0

    def take(self, count: int, owner: Channel) -> list[int]:
        taken = list(range(self._num_taken, self._num_taken + count))
        self._num_taken += count
        self.owners.update(dict.fromkeys(taken, owner))
        return taken

    def free(self, cells: Sequence[int]) -> None:
        for cell in cells:
            del self.owners[cell]

    def fit(self, owner: Channel, other: Channel) -> bool:
        return not self.adapts_input or Channel.INPUT not in (owner, other)

    def relabel(self, cells: Sequence[int], owner: Channel) -> None:
        for cell in cells:
            assert cell in self.owners, cell
            self.owners[cell] = owner


def check_cells(lane: Lane, cells: FakeCells) -> None:
    """Assert that lane and memory agree on who has which cell."""
    of_lane = {cell: owner for owner in Channel for cell in lane.channel(owner).cells}
    assert of_lane == cells.owners
    for owner in Channel:
        assert lane.channel(owner).num_cached <= len(lane.channel(owner))


def compute(lane: Lane, cells: FakeCells) -> None:
    """Give every token of the lane a cell, as a forward of all its rows would."""
    for owner in Channel:
        channel = lane.channel(owner)
        channel.cells.extend(cells.take(channel.num_uncached, owner))
