"""When two performances of one session are the same conversation."""

from collections.abc import Callable

from tests.rules.stage import Moment, Performance

ROUNDING = 5e-6
"""Float32 gives the same logits in other company but for less than this share of the largest.

In the random schedules of these tests it was never more than 1.5e-6.
"""

Same = Callable[[Moment, Moment], None]


def check_same(name: str, left: Performance, right: Performance, same: Same) -> None:
    """Assert that two performances of a session are the same, moment after moment.

    A difference is excused, and what follows it not compared, only if this very session came that
    far through a choice that rounding could turn: one whose own margin says so.
    """
    moments, others = left.moments(name), right.moments(name)
    assert len(moments) == len(others)
    for one, other in zip(moments, others, strict=True):
        try:
            same(one, other)
        except AssertionError as difference:
            margin = min(play.narrowest_choice(name, one.tick) for play in (left, right))
            if margin > ROUNDING:
                message = f"{name} differs in tick {one.tick}, margin {margin:.2g}: {difference}"
                raise AssertionError(message) from difference
            return


def same_steps(one: Moment, other: Moment) -> None:
    """Assert that a slice took the same steps to the same decision."""
    same_conversation(one, other)
    assert one.result.steps == other.result.steps


def same_conversation(one: Moment, other: Moment) -> None:
    """Assert that a slice left the same tokens and came to the same decision.

    When rows are scarce, what a reply said in the very slice in which it was cut off, and the order
    of steps, depend on how long the utterance had to wait for its prefill.
    """
    assert one.lane == other.lane
    assert one.state == other.state
    assert type(one.result.error) is type(other.result.error)
