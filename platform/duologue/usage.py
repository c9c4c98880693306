"""What a session, or a tenant, has used of the model."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts that only grow; those of a session come out the same when it is replayed."""

    input_tokens: int = 0
    """Tokens of the user's text that were heard."""
    output_tokens: int = 0
    """Tokens of replies that were given."""
    slices: int = 0
    """Slices of the model's time."""

    def __post_init__(self) -> None:
        counts = (self.input_tokens, self.output_tokens, self.slices)
        assert min(counts) >= 0, f"usage cannot be negative: {counts}"

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.slices + other.slices,
        )
