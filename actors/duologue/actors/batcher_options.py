"""Where and as what a batching actor runs; what it does is in the settings."""

from dataclasses import dataclass, field

from duologue.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class BatcherOptions:
    """One batching actor's place."""

    batcher_id: str
    node_id: str = "local"
    listen: tuple[str, ...] = ("127.0.0.1:0",)
    """Addresses, "host:port" or "unix:/path"; port 0 is a free one. The first is announced."""
    advertised_host: str | None = None
    """The host that is announced in place of the one that is listened at, such as "0.0.0.0"."""
    stop_within_s: float = 2.0
    """How long streams may take to end when the actor is stopped."""
    environment: dict[str, str] = field(default_factory=dict)
    """Variables for the libraries that compute, as far as they are not set."""

    def __post_init__(self) -> None:
        if not self.batcher_id or not self.listen or not all(self.listen):
            raise InvalidInput("a batching actor needs a batcher_id, and an address to listen at")
