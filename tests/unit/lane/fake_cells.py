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
STATED = tuple(owner for owner in Channel if owner is not Channel.KEPT)
"""Channels whose tokens steps alone decide; what is kept is a cache."""


class FakeCells:
    """Hands out cells and knows whose they are, and what they were computed of; a cell given up
    twice is an error."""

    def __init__(self, adapts_input: bool = False) -> None:
        self.adapts_input = adapts_input
        self.owners: dict[int, Channel] = {}
        self.pasts: dict[int, tuple[int, ...]] = {}
        """Of each cell its token and all before it."""
        self._num_taken = 0

    def take(self, count: int, owner: Channel) -> list[int]:
        taken = list(range(self._num_taken, self._num_taken + count))
        self._num_taken += count
        self.owners.update(dict.fromkeys(taken, owner))
        return taken

    def free(self, cells: Sequence[int]) -> None:
        for cell in cells:
            del self.owners[cell]
            self.pasts.pop(cell, None)

    def fit(self, owner: Channel, other: Channel) -> bool:
        return not self.adapts_input or Channel.INPUT not in (owner, other)

    def relabel(self, cells: Sequence[int], owner: Channel) -> None:
        for cell in cells:
            assert cell in self.owners, cell
            self.owners[cell] = owner


def line(lane: Lane, cells: FakeCells, owner: Channel) -> tuple[int, ...]:
    """All that the last cell of a channel has to know: the trunk before it, and the channel.

    Rows of an adapted input are others than those of the same tokens elsewhere.
    """
    tokens = tuple(lane.channel(owner).tokens)
    if owner is Channel.TRUNK:
        return tokens
    if owner is Channel.ASIDE:
        start = lane.aside.start if lane.aside is not None else 0
        return (*lane.trunk.tokens[:start], *tokens)
    if owner in (Channel.INPUT, Channel.KEPT) and cells.adapts_input:
        tokens = tuple(-1 - token for token in tokens)
    if owner is Channel.KEPT:
        return (*lane.trunk.tokens[: lane.kept.start], *tokens)
    return (*lane.trunk.tokens, *tokens)


def check_cells(lane: Lane, cells: FakeCells) -> None:
    """Assert that lane and memory agree on who has which cell."""
    of_lane = {cell: owner for owner, shown in lane.labelled_cells() for cell, _ in shown}
    assert of_lane == cells.owners
    for owner in Channel:
        assert lane.channel(owner).num_cached <= len(lane.channel(owner))


def check_pasts(lane: Lane, cells: FakeCells) -> None:
    """Assert that each cell, all of which `compute` gave, is of the token at its position and of
    what stands before that now."""
    check_cells(lane, cells)
    for owner, shown in lane.labelled_cells():
        whole = line(lane, cells, owner)
        for cell, position in shown:
            assert cells.pasts[cell] == whole[: position + 1], (owner, position)


def compute(lane: Lane, cells: FakeCells, num_rows: int = 10**6) -> None:
    """Give the lane's tokens cells, as a forward of so many rows would: the trunk's first."""
    for owner in (Channel.TRUNK, Channel.OUTPUT, Channel.INPUT):
        channel = lane.channel(owner)
        if owner is not Channel.TRUNK and not lane.trunk.is_cached:
            return
        start, num_before = lane.first_position(owner), channel.num_cached
        taken = cells.take(min(num_rows, channel.num_uncached), owner)
        whole = line(lane, cells, owner)
        for place, cell in enumerate(taken, start + num_before + 1):
            cells.pasts[cell] = whole[:place]
        channel.cells.extend(taken)
        num_rows -= len(taken)
