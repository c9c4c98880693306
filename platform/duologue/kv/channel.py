"""The channels that a cell can belong to."""

from enum import IntEnum


class Channel(IntEnum):
    """Owner of a cell. A row sees the trunk and its own channel, never another one."""

    TRUNK = 0
    INPUT = 1
    OUTPUT = 2
    ASIDE = 3
    """A reply that was cut and may go on after all: no row is of this channel, so none sees it."""
    KEPT = 4
    """An utterance that was decided and may go on after all: nor is any row of this one."""


FREE = -1
"""Label of a cell that belongs to nobody and is visible to nobody."""
