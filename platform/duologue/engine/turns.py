"""Whose rows ride in the next forward, when not all can: asked of whoever knows the tenants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Wish:
    """What a slice under way wants; wishes come by the age of their slices."""

    key: str
    """Of the session."""
    num_rows: int
    """Rows that its present demand still needs."""
    num_forwards: int
    """Forwards that it may still take, the next one among them."""


@dataclass(frozen=True, slots=True)
class Order:
    """Who goes first, and how much of it fits."""

    max_rows: int
    """Rows of the forward."""
    turns: Sequence[tuple[str, int]]
    """Sessions in order, each with the rows that it may put in."""


class Turns(Protocol):
    """Decides for every forward; belongs to the thread that runs them."""

    @property
    def are_contested(self) -> bool:
        """Whether it needs to be asked."""
        ...

    def choose(self, wishes: Sequence[Wish]) -> Order | None:
        """The order of the next forward; none where everything may ride."""
        ...

    def carried(self, rows: Mapping[str, int]) -> None:
        """The forward that runs now carries so many rows of these sessions."""
        ...
