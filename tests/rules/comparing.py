"""When two performances of one session are the same conversation."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from duologue.lane.steps import Finish, Promote, Say, Step
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


def check_same_lasting_steps(left: Sequence[Moment], right: Sequence[Moment]) -> None:
    """The same, but for what a reply still said in the very slice in which it was cut off.

    Who still knows what was read of an utterance cuts at once; who has lost it reads again first.
    """
    check_same_conversation(left, right)
    for one, other in zip(left, right, strict=True):
        assert _lasting(one.result.steps) == _lasting(other.result.steps), one.tick


def _lasting(steps: Sequence[Step]) -> list[Step]:
    cut = next((i for i, step in enumerate(steps) if isinstance(step, Promote)), 0)
    return [s for i, s in enumerate(steps) if i >= cut or not isinstance(s, (Say, Finish))]


def check_same_conversation(left: Sequence[Moment], right: Sequence[Moment]) -> None:
    """Assert that every slice left the same tokens and came to the same decision.

    When rows are scarce, even the order of steps in a slice depends on how long the utterance had
    to wait for its prefill while the reply went on.
    """
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        assert one.lane == other.lane, one.tick
        assert one.state == other.state, one.tick
        assert type(one.result.error) is type(other.result.error), one.tick
