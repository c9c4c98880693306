"""What an engine has to know of a session besides its tokens."""

from dataclasses import dataclass, field

from duologue.forward.sampling_settings import SamplingSettings
from duologue.lane.judging import Judge
from duologue.lane.steps import Promotion

MIN_TOLD_TOKENS = 16


def max_told_tokens(max_reply_tokens: int, context_tokens: int) -> int:
    """Tokens that the trunk keeps of a reply that the caller says, of so many behind the opening.

    A turn may hold several of them, and must leave room for an utterance.
    """
    return max(MIN_TOLD_TOKENS, min(max_reply_tokens, context_tokens // 8))


@dataclass(frozen=True, slots=True)
class LaneProfile:
    """A session's ways, fixed from one slice to the next."""

    judge: Judge
    stop_tokens: frozenset[int]
    promotion: Promotion = Promotion.REBASE
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    max_reply_tokens: int = 256
    context_limit_tokens: int = 8192
    idle_token: int | None = None
    """Stands for a slice of silence in time division."""

    def __post_init__(self) -> None:
        assert self.max_reply_tokens > 0, self.max_reply_tokens
        assert self.context_limit_tokens > 0, self.context_limit_tokens
