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

    @property
    def is_given(self) -> bool:
        """Whether a reply is being said, or was and is still being heard."""
        return self in (ReplyPhase.SPEAKING, ReplyPhase.FINISHED)
