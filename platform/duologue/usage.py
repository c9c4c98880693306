"""What a session, or a tenant, has used of the model."""

from dataclasses import astuple, dataclass, field, fields, replace
from datetime import date


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
        assert min(self.counts) >= 0, f"usage cannot be negative: {self.counts}"

    @property
    def counts(self) -> tuple[int, ...]:
        """All of them, in the order of `USAGE_NAMES`."""
        return astuple(self)

    def discarding(self, tokens: int) -> "Usage":
        """The same with so many more tokens that were thrown away unseen."""
        return replace(self, discarded_tokens=self.discarded_tokens + tokens)

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(*map(sum, zip(self.counts, other.counts, strict=True)))


@dataclass(frozen=True, slots=True)
class DailyUsage:
    """What a tenant used on one day, in UTC."""

    tenant_id: str
    day: date
    sessions: int = 0
    """Sessions that were made."""
    usage: Usage = field(default_factory=Usage)


USAGE_NAMES = tuple(each.name for each in fields(Usage))
