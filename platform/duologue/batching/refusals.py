"""Answers that say no."""

from duologue.batching.messages import Work
from duologue.batching.roster import Sitting
from duologue.errors import DuologueError, StaleEpoch
from duologue.lane.slices import SliceResult


def refusal(sitting: Sitting, work: Work, error: DuologueError) -> SliceResult:
    """The result of a slice that did nothing."""
    return SliceResult(sitting.key, sitting.epoch, work.slice.tick, steps=(), error=error)


def overtaken(epoch: int) -> StaleEpoch:
    """What the holder of a seat is told when another one takes it."""
    return StaleEpoch(f"the session has been seated anew, under epoch {epoch}")


def internal(what: str, error: Exception) -> DuologueError:
    """A fault of the platform's own, as others are told of it."""
    return DuologueError(f"{what}: {type(error).__name__}: {error}")
