"""What a session may still say of its tenant's reply tokens, which come in portions. Pure."""

from dataclasses import dataclass

PORTION_TOKENS = 32
"""Tokens that a session takes at a time where its tenant has a limit."""
FREE_TOKENS = 4_096
"""The same where there is none: then it is looked again whether there is one now."""
_SOONEST_MS, _LATEST_MS = 50, 60_000


@dataclass(slots=True)
class Ration:
    """One session's. Another portion is asked for when half of the last one is left."""

    left_tokens: int = FREE_TOKENS
    is_asked: bool = False
    """Whether a portion is on its way."""
    retry_ms: float | None = None
    """When to ask again, after there was none."""
    is_refusal_told: bool = False
    """Whether the client knows that there is none."""
    _portion_tokens: int = 0

    @property
    def is_empty(self) -> bool:
        return self.left_tokens <= 0

    def is_due(self, now_ms: float) -> bool:
        """Whether another portion is to be asked for, if there is something to say."""
        is_low = self.left_tokens <= self._portion_tokens // 2
        return is_low and not self.is_asked and (self.retry_ms is None or now_ms >= self.retry_ms)

    def asks(self) -> None:
        """A portion is asked for."""
        self.is_asked, self.retry_ms = True, None

    def grant(self, tokens: int) -> None:
        """It came."""
        assert tokens > 0
        self.is_asked, self.retry_ms, self.is_refusal_told = False, None, False
        self._portion_tokens = tokens
        self.left_tokens += tokens

    def refuse(self, wait_ms: int, now_ms: float) -> None:
        """There is none: in so long, perhaps."""
        self.is_asked = False
        self.retry_ms = now_ms + min(max(wait_ms, _SOONEST_MS), _LATEST_MS)

    def spend(self, tokens: int) -> None:
        """So much was said."""
        self.left_tokens -= tokens
