"""What a lane asks of the memory that holds its cells."""

from collections.abc import Sequence
from typing import Protocol

from duologue.kv.channel import Channel


class Cells(Protocol):
    """The cells of one session's slot."""

    def free(self, cells: Sequence[int]) -> None:
        """The cells are not needed any more."""

    def fit(self, owner: Channel, other: Channel) -> bool:
        """Whether cells of one channel are right for another, at the same place.

        Not between the input and the rest, if the input's rows are adapted.
        """

    def relabel(self, cells: Sequence[int], owner: Channel) -> None:
        """The cells go over to another channel, as they are."""


class NoCells:
    """For a lane without a slot, asleep or replayed from a journal: it has no cells to give up."""

    def free(self, cells: Sequence[int]) -> None:
        assert not cells, "a lane without a slot has no cells"

    def fit(self, owner: Channel, other: Channel) -> bool:
        return True

    def relabel(self, cells: Sequence[int], owner: Channel) -> None:
        assert not cells, "a lane without a slot has no cells"
