"""When two performances of one session are the same conversation."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.rules.stage import Moment, Performance

ROUNDING = 1e-5


@contextmanager
def tolerating_ties(*performances: Performance) -> Iterator[None]:
    """Excuse a difference if somewhere the choice was so close that rounding could turn it.

    Which it does on one processor and not on another; it is as rare as such choices are.
    """
    try:
        yield
    except AssertionError:
        if all(one.narrowest_choice > ROUNDING for one in performances):
            raise


def check_same_steps(left: Sequence[Moment], right: Sequence[Moment]) -> None:
    """Assert that every slice took the same steps to the same decisions."""
    check_same_conversation(left, right)
    for one, other in zip(left, right, strict=True):
        assert one.result.steps == other.result.steps, one.tick


def check_same_conversation(left: Sequence[Moment], right: Sequence[Moment]) -> None:
    """Assert that every slice left the same tokens and came to the same decision.

    Unlike the steps, this leaves out how much a reply still said in the very slice in which it was
    cut off: that depends on how long the new utterance had to wait for its prefill.
    """
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        assert one.lane == other.lane, one.tick
        assert one.state == other.state, one.tick
        assert type(one.result.error) is type(other.result.error), one.tick
