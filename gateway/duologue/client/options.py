"""How a client behaves: its patience, its limits, and where it takes time and chance from."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

from duologue.client.patience import Patience
from duologue.clock import Clock, MonotonicClock, sleep_ms


@dataclass(frozen=True, slots=True)
class Timing:
    """Where time and chance come from."""

    clock: Clock = field(default_factory=MonotonicClock)
    random: Random = field(default_factory=Random)
    sleep_ms: Callable[[float], Awaitable[None]] = sleep_ms


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """What a client may be told about its manners."""

    patience: Patience = field(default_factory=Patience)
    max_unread: int = 256
    """Events that wait to be read by the program; beyond it, the stream waits."""
    max_untaken: int = 1024
    """Events that were sent and that the session has not yet taken; beyond it, sending waits."""
    max_event_bytes: int = 60_000
    """Size of one event to the platform, which refuses messages above its own limit."""
    call_within_ms: float = 5_000.0
    """Deadline of calls other than conversations."""
    close_within_ms: float = 10_000.0
    """How long leaving or closing a conversation may take."""

    def __post_init__(self) -> None:
        for name in ("max_unread", "max_untaken", "max_event_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}")
        for name in ("call_within_ms", "close_within_ms"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
