"""How sessions leave a batching actor that is to go: a few at a time, the silent ones first."""

from dataclasses import dataclass

from duologue.batching.messages import Dismiss

STEP_MS = 200.0
"""Between two groups. Whoever sits down elsewhere has its whole conversation computed there anew,
beside those who talk there already."""
MAX_AT_ONCE = 4
SPEAKING_FROM = 0.5
"""The share of the time after which replies under way are not waited for any longer. They go on
elsewhere in mid-word, after a pause."""


@dataclass(frozen=True, slots=True)
class Drain:
    """Begun at a time, and to be over within another; times in milliseconds."""

    began_ms: float
    within_ms: float

    def is_over(self, now_ms: float, num_seated: int) -> bool:
        """Whether there is nobody left, or no time."""
        return num_seated == 0 or now_ms >= self.began_ms + self.within_ms

    def step(self, now_ms: float, num_seated: int, room_elsewhere: int) -> Dismiss | None:
        """Who is to go now. Where nobody has room for them, sessions stay to the end."""
        num_sessions = min(num_seated, room_elsewhere, MAX_AT_ONCE)
        if num_sessions <= 0:
            return None
        waits_until_ms = self.began_ms + SPEAKING_FROM * self.within_ms
        return Dismiss(num_sessions, also_speaking=now_ms >= waits_until_ms)
