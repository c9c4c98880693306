"""The pace of a reply: how far ahead of its listener it is computed, and when more is asked for."""

from dataclasses import dataclass
from math import ceil, floor

from duologue.settings import DecodingSettings

CLOSE = 1e-3
"""Of a token: by so much may be off what is computed from times."""


@dataclass(frozen=True, slots=True)
class Listener:
    """At this time, so many tokens of a reply lay behind its listener."""

    at_ms: float
    num_tokens: int


@dataclass(frozen=True, slots=True)
class Pace:
    """A function of the time and of what was heard, without a state of its own.

    From what was last known, the listener is taken to go on at an even rate. A reply may be
    `ahead_tokens` further than that, so that a synthesiser has something to begin with, and no
    further. Before it may be shown, that is all of it.

    What a reply lacks is asked for in few slices: as many tokens as a slice holds, up to half of
    the lead, so every second tick or less often, and all sessions in the same ticks, so that they
    share forwards. Only with less than half of the lead it asks in every tick.
    """

    tokens_per_second: float
    """0: as fast as slices go."""
    ahead_tokens: int
    tokens_per_slice: int
    tick_ms: float

    @classmethod
    def of(cls, decoding: DecodingSettings) -> "Pace":
        return cls(
            decoding.reply_tokens_per_second,
            decoding.reply_ahead_tokens,
            decoding.reply_tokens_per_slice,
            decoding.tick_ms,
        )

    @property
    def is_even(self) -> bool:
        """Whether there is a pace to keep."""
        return self.tokens_per_second > 0

    def num_due(self, num_tokens: int, listener: Listener | None, now_ms: float) -> int:
        """How much a slice that leaves now may add to a reply that has so many tokens."""
        if not self.is_even:
            return self.tokens_per_slice
        lacking = floor(self._consumed(listener, now_ms) + self.ahead_tokens - num_tokens + CLOSE)
        return max(0, min(lacking, self.tokens_per_slice))

    def due_at_ms(self, num_tokens: int, listener: Listener | None, now_ms: float) -> float | None:
        """From when on a reply is worth a slice of its own; None until more of it is heard."""
        if not self.is_even:
            return now_ms
        if listener is None:
            return now_ms if num_tokens < self.ahead_tokens else None
        short_ms = self._passes_at_ms(num_tokens - self._short_tokens, listener, now_ms)
        num_wanted = num_tokens - self.ahead_tokens + self._batch_tokens
        wanted_ms = self._passes_at_ms(num_wanted, listener, now_ms)
        return min(short_ms, self._shared_at_ms(wanted_ms, now_ms))

    @property
    def _short_tokens(self) -> float:
        """The lead that is too short to wait for the others."""
        return min(self.ahead_tokens / 2, self.ahead_tokens - 1)

    @property
    def _most_tokens(self) -> float:
        """Of a slice that nothing but the pace asks for."""
        return max(1.0, min(self.tokens_per_slice, self.ahead_tokens / 2))

    @property
    def _ticks_per_batch(self) -> int:
        """From one such slice to the next."""
        return max(1, int(self._most_tokens / self._tokens_per_tick + CLOSE))

    @property
    def _batch_tokens(self) -> int:
        """That are worth such a slice."""
        passed = self._ticks_per_batch * self._tokens_per_tick
        return max(1, int(min(self._most_tokens, passed) + CLOSE))

    @property
    def _tokens_per_tick(self) -> float:
        return self.tokens_per_second * self.tick_ms / 1000

    def _consumed(self, listener: Listener | None, now_ms: float) -> float:
        """How much of it lies behind the listener, if it is there."""
        if listener is None:
            return 0.0
        passed_ms = max(0.0, now_ms - listener.at_ms)
        return listener.num_tokens + passed_ms * self.tokens_per_second / 1000

    def _passes_at_ms(self, tokens: float, listener: Listener, now_ms: float) -> float:
        """When the listener has come so far, now at the earliest."""
        after_ms = (tokens - listener.num_tokens) * 1000 / self.tokens_per_second
        return max(now_ms, listener.at_ms + after_ms)

    def _shared_at_ms(self, at_ms: float, now_ms: float) -> float:
        """The first time from then on that lies in a tick in which all sessions ask."""
        period_ms = self._ticks_per_batch * self.tick_ms
        if at_ms <= now_ms and at_ms % period_ms < self.tick_ms:
            return at_ms
        return ceil(at_ms / period_ms) * period_ms
