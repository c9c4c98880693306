"""What a session, or a tenant, has used of the model."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts that only grow; those of a session come out the same when it is replayed."""

    input_tokens: int = 0
    """Tokens of the user's text that were heard."""
    output_tokens: int = 0
    """Tokens of replies that were given."""
    slices: int = 0
    """Slices of the model's time."""
    discarded_tokens: int = 0
    """Of the replies' tokens, those that were computed and thrown away before they were shown."""

    def __post_init__(self) -> None:
        counts = (self.input_tokens, self.output_tokens, self.slices, self.discarded_tokens)
        assert min(counts) >= 0, f"usage cannot be negative: {counts}"

    def discarding(self, tokens: int) -> "Usage":
        """The same with so many more tokens that were thrown away unseen."""
        return replace(self, discarded_tokens=self.discarded_tokens + tokens)

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.slices + other.slices,
            self.discarded_tokens + other.discarded_tokens,
        )
