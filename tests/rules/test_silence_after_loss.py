"""Rule 3 at its finest: what silence decides is done in the same order with cells and without.

A session that still knows what was read of an utterance judges silence before anything else happens
in the slice. One that lost its cells has to read the utterance again, and may not let the reply go
on meanwhile: it would say more before it is cut off.
"""

import pytest

from duologue.lane.judging import JudgingPatience
from duologue.lane.slices import SliceResult
from duologue.states import State
from tests.rules.crowd import Crowd, hear, wait

CLEAR_IN_SILENCE = 0.4
"""A probability that decides when patience is low, and not before."""


def silent_slice(read: list[State], patience: JudgingPatience, *, loses_cells: bool) -> SliceResult:
    """The slice in which patience runs low over an utterance that was heard during a reply."""
    crowd = Crowd()
    crowd.start_replies("a")
    crowd.head.probability = CLEAR_IN_SILENCE
    crowd.head.script = list(read)
    crowd.do({"a": hear(50, 51, k=2, ahead=2)})
    if loses_cells:
        crowd.engine.rest("a", 1)
    crowd.head.script = list(read)  # what it says when it is asked again
    return crowd.do({"a": wait(k=4, ahead=2) | {"patience": patience}})["a"]


@pytest.mark.parametrize("patience", [JudgingPatience.LOW, JudgingPatience.OUT])
@pytest.mark.parametrize("state", [State.QUERY, State.NON_QUERY, State.HOLD, State.INCOMPLETE])
@pytest.mark.parametrize("num_ahead", [0, 2])
def test_steps_are_the_same(num_ahead: int, state: State, patience: JudgingPatience) -> None:
    read = [*[State.INCOMPLETE] * num_ahead, state]
    calm = silent_slice(read, patience, loses_cells=False)
    shaken = silent_slice(read, patience, loses_cells=True)
    assert calm.steps == shaken.steps
    assert calm.judgement == shaken.judgement
    assert shaken.num_forwards > calm.num_forwards  # or else nothing was lost
