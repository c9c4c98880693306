"""A reply that was set aside: cut by a query, and kept whole for the case that it is to go on."""

from dataclasses import dataclass

from duologue.lane.phase import ReplyPhase
from duologue.lane.tokens import CachedTokens


@dataclass(slots=True)
class SetAside:
    """A whole reply, of which a part may stand in the trunk as what was heard of it."""

    number: int
    """Which reply of the conversation it is."""
    phase: ReplyPhase
    reply: CachedTokens
    """All of it, with its header. Cells only of the tokens behind those that joined the trunk."""
    start: int
    """Place in the trunk at which it would begin, and what was kept of it begins."""
    num_joined: int = 0
    """So many of its first tokens stand in the trunk, from `start` on."""
    num_kept: int = 0
    """Tokens that the trunk keeps of it: those that joined, the heard rest, and the end mark."""
    num_notes: int = 0
    """Notes in the trunk between it and the utterance that cut it."""

    @property
    def first_position(self) -> int:
        """Position of the first token that has its cell here."""
        return self.start + self.num_joined
