"""Where and as what a batching actor runs; what it does is in the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from duologue.errors import InvalidInput

CALM_SPINNING: Mapping[str, str] = {"GOMP_SPINCOUNT": "10000"}
"""How long threads of a forward spin while they wait for one another. The default of millions of
turns costs whole time slices as soon as other work runs on the same cores; none at all costs a
sleep and a wake at each of a forward's hundreds of loops."""


@dataclass(frozen=True, slots=True)
class BatcherOptions:
    """One batching actor's place."""

    batcher_id: str
    node_id: str = ""
    """Where it runs; empty is the Ray node, if there is one."""
    listen: tuple[str, ...] = ("127.0.0.1:0",)
    """Addresses, "host:port" or "unix:/path"; port 0 is a free one. The first is announced."""
    advertised_host: str | None = None
    """The host that is announced in place of the one that is listened at, such as "0.0.0.0"."""
    stop_within_s: float = 2.0
    """How long streams may take to end when the actor is stopped."""
    environment: Mapping[str, str] = field(default_factory=lambda: CALM_SPINNING)
    """Variables for the libraries that compute, as far as they are not set."""

    @property
    def host(self) -> str:
        """The host that is listened at; the local one for a Unix socket."""
        first = self.listen[0]
        return "127.0.0.1" if first.startswith("unix:") else first.rpartition(":")[0]

    def __post_init__(self) -> None:
        if not self.batcher_id or not self.listen or not all(self.listen):
            raise InvalidInput("a batching actor needs a batcher_id, and an address to listen at")
