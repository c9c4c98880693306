"""The utterances that judge an ear: what the two sets promise."""

from collections import Counter

import pytest

from benchmarks.judged_rows import SETS, judged_rows, without_texts_of
from duologue.states import State
from duologue.training.sample import Sample, normalised

MIN_ROWS = 280
"""Of each label; a share of .95 among so many has an interval of three points."""


@pytest.mark.parametrize("name", SETS)
def test_a_set_has_enough_rows_of_each_label_and_none_twice(name: str) -> None:
    rows = judged_rows(name)
    counts = Counter(row.label for row in rows)
    assert all(counts[state] >= MIN_ROWS for state in State), counts
    words = [(normalised(row.text), row.context, row.speaking) for row in rows]
    assert len(set(words)) >= 0.99 * len(words), "but for how numbers are written, none is twice"
    assert rows == judged_rows(name), "the same rows each time"


@pytest.mark.parametrize("name", SETS)
def test_half_of_a_set_is_written_as_recognised_speech(name: str) -> None:
    rows = [row for row in judged_rows(name) if row.category != "backchannel"]
    spoken = [row for row in rows if row.text == normalised(row.text)]
    assert 0.45 * len(rows) < len(spoken) < 0.75 * len(rows)


def test_the_sets_share_no_text_of_four_words_or_more() -> None:
    development, final = map(judged_rows, SETS)
    shared = {normalised(row.text) for row in development} & {normalised(row.text) for row in final}
    assert all(len(words.split()) < 4 for words in shared), shared


def test_texts_that_were_trained_on_are_left_out_unless_they_are_common_property() -> None:
    long, short = "Where is the nearest chemist?", "Thank you."
    rows = [Sample(long, State.QUERY), Sample(short, State.NON_QUERY)]
    known = [Sample(normalised(row.text), row.label) for row in rows]
    assert without_texts_of(rows, known) == rows[1:]
