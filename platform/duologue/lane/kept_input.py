"""The cells of an utterance that left the input channel, for the case that it goes on after all.

A decision is often taken back by the next word. Where rows of the input are adapted, the utterance
has other cells in the trunk, so that without this the whole of it would be computed once more.
"""

from dataclasses import dataclass, field

from duologue.kv.channel import Channel
from duologue.lane.cells import Cells
from duologue.lane.tokens import CachedTokens
from duologue.text.token_edit import token_edit


@dataclass(slots=True)
class KeptInput:
    """What the input channel held last. A cache: giving it up changes nothing that is said."""

    channel: CachedTokens = field(default_factory=CachedTokens)
    start: int = 0
    """The position of its first token: where the trunk ended then."""

    def keep(self, left: CachedTokens, start: int, cells: Cells) -> None:
        """Take the cells of an input channel whose utterance leaves; what was kept before goes."""
        self.drop(cells)
        kept, left.cells = left.cells, []
        cells.relabel(kept, Channel.KEPT)
        self.channel, self.start = CachedTokens(left.tokens[: len(kept)], kept), start

    def give_back(self, begun: CachedTokens, start: int, cells: Cells) -> None:
        """Give an input channel that has no cells those of so much of it as begins like what was
        kept, if it stands behind the same trunk; the others go."""
        if start == self.start and not begun.cells:
            same = token_edit(self.channel.tokens, begun.tokens).keep
            begun.cells = self.channel.cells[:same]
            del self.channel.cells[:same]
            cells.relabel(begun.cells, Channel.INPUT)
        self.drop(cells)

    def drop(self, cells: Cells) -> bool:
        """Give everything up; whether there was anything."""
        freed = self.channel.cut(0)
        cells.free(freed)
        return bool(freed)
