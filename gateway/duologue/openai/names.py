"""Names of what a realtime conversation consists of: unique, and in the order of their making."""

from dataclasses import dataclass, field
from itertools import count


@dataclass(slots=True)
class Names:
    """Of one conversation; `token` tells it from all others."""

    token: str
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    @property
    def session(self) -> str:
        return f"sess_{self.token}"

    @property
    def conversation(self) -> str:
        return f"conv_{self.token}"

    def new(self, prefix: str) -> str:
        """Another name, such as item_TOKEN_7."""
        return f"{prefix}_{self.token}_{next(self._numbers)}"
