"""Whether decisions depend on what says nothing."""

import pytest

from duologue.evaluation.prediction import Prediction
from duologue.evaluation.robustness import CHANGES, Changed, changed_rows
from duologue.evaluation.rows import Row
from duologue.states import State
from duologue.training.sample import Sample, normalised

ROW = Row(1, Sample("what is it", State.QUERY, "short"))


def predicted(decided: State) -> Prediction:
    return Prediction(ROW, {State.QUERY: 1.0}, decided, decided, decided)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_leaves_the_words_and_the_label(name: str) -> None:
    (changed,) = changed_rows([ROW], name)
    assert changed.sample.text != ROW.sample.text
    assert normalised(changed.sample.text).removesuffix(" uh") == "what is it"
    assert (changed.sample.label, changed.sample.category) == (State.QUERY, "short")


def test_what_is_counted_is_decisions_that_differ() -> None:
    before = [predicted(State.QUERY), predicted(State.QUERY), predicted(State.INCOMPLETE)]
    after = [predicted(State.QUERY), predicted(State.HOLD), predicted(State.INCOMPLETE)]
    changed = Changed("capitals", after, before)
    assert (changed.share.hits, changed.share.total) == (1, 3)
    assert changed.outcome.verdict is not None
    assert not changed.outcome.target.is_met(changed.share.hits / changed.share.total)
