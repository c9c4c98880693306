"""Whether a batching actor is alive in earnest: a real forward ended lately, and none failed."""

from dataclasses import dataclass


@dataclass(slots=True)
class ForwardHealth:
    """Written by the thread that runs the forwards, read by any. Times in milliseconds."""

    healthy_within_ms: float
    last_ms: float
    """When a forward ended last, well or not."""
    failure: str | None = None
    """Why the last forward failed; None once one has succeeded after it."""

    def succeeded(self, now_ms: float) -> None:
        """A forward has ended well."""
        self.last_ms, self.failure = now_ms, None

    def failed(self, error: BaseException, now_ms: float) -> None:
        """A forward has failed."""
        self.last_ms = now_ms
        self.failure = f"{type(error).__name__}: {error}"

    def is_healthy(self, now_ms: float) -> bool:
        return self.failure is None and now_ms - self.last_ms <= self.healthy_within_ms

    def probe_due_ms(self) -> float:
        """When to run a forward that nobody asked for, if nobody asks for one until then."""
        return self.last_ms + self.healthy_within_ms / 3
