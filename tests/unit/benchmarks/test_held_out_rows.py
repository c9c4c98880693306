"""What people said in the held-out parts of corpora: which rows are taken."""

from benchmarks.held_out_rows import held_out_rows
from duologue.states import State
from duologue.training.data_card import MADE_FOR_THIS
from duologue.training.sample import Sample


def test_rows_are_of_corpora_and_none_was_trained_on() -> None:
    said = Sample("is there parking behind it", State.QUERY, "follow_up", source="sgd")
    known = Sample("where is the nearest chemist", State.QUERY, "service_query", source="sgd")
    others = [Sample("hush now", State.HOLD, "hold", source=each) for each in MADE_FOR_THIS]
    trained = Sample("Where is the nearest chemist?", State.QUERY)
    (row,) = held_out_rows([said, known, *others], [trained])
    assert (row.text, row.category) == (said.text, "sgd: follow_up")
