"""Where a reply stands."""

from enum import Enum, auto


class ReplyPhase(Enum):
    """Where the reply in the output channel stands."""

    NONE = auto()
    SPEAKING = auto()
    FINISHED = auto()
    """Generated to its end, kept in its channel until it was heard."""
    PAUSED = auto()
    """Time division: what was said is in the trunk, and more will follow."""
