"""What every contender can do: get ready for a batch, take a step, let go."""

from typing import Protocol


class Contender(Protocol):
    """One way of decoding a token for each of many sessions."""

    name: str

    def prepare(self, sessions: int, context: int) -> None:
        """Hold `sessions` sessions with `context` tokens of context each."""

    def step(self) -> float:
        """Decode one token for every session; returns the seconds it took."""

    def release(self) -> None:
        """Give back the memory that `prepare` took."""

    def close(self) -> None:
        """No more is asked of it."""
