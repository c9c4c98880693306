"""The figures over predictions, against what a reader counts by hand."""

import json
from collections import Counter
from dataclasses import replace

import pytest

from duologue.evaluation.metrics import Share
from duologue.evaluation.page import ReportPage
from duologue.evaluation.prediction import Prediction
from duologue.evaluation.rows import Row
from duologue.evaluation.states import StateFigures
from duologue.evaluation.states_report import show_states, states_json
from duologue.lane.judging import Judge, Judgement, JudgingPatience
from duologue.states import State
from duologue.training.sample import Sample, Turn

QUERY, NON_QUERY, INCOMPLETE, HOLD = State.QUERY, State.NON_QUERY, State.INCOMPLETE, State.HOLD
JUDGE = Judge({QUERY: 0.7, NON_QUERY: 0.6, HOLD: 0.5}, low_patience_scale=0.6)


def predicted(label: State, category: str, *shares: float, speaking: bool = False) -> Prediction:
    """Probabilities in the order query, non_query, incomplete, hold; decided as the engine does."""
    probabilities = dict(zip((QUERY, NON_QUERY, INCOMPLETE, HOLD), shares, strict=True))
    past = (Turn("user", "why"),) if speaking else ()
    sample = Sample("text", label, category, past, speaking)
    decided = JUDGE.decide(probabilities, JudgingPatience.NORMAL)
    judgement = Judgement(decided, probabilities, 0, JudgingPatience.NORMAL)
    return Prediction.of(Row(1, sample), judgement, JUDGE)


@pytest.fixture
def figures() -> StateFigures:
    return StateFigures(
        [
            predicted(QUERY, "task", 0.8, 0.1, 0.1, 0.0),
            predicted(QUERY, "task", 0.5, 0.1, 0.4, 0.0),
            predicted(QUERY, "short", 0.2, 0.7, 0.1, 0.0),
            predicted(NON_QUERY, "backchannel", 0.1, 0.8, 0.1, 0.0, speaking=True),
            predicted(NON_QUERY, "aside", 0.9, 0.05, 0.05, 0.0, speaking=True),
            predicted(INCOMPLETE, "cut", 0.1, 0.1, 0.8, 0.0),
        ]
    )


def test_styles_are_told_by_case_and_marks() -> None:
    one = predicted(QUERY, "a", 0.9, 0.1, 0.0, 0.0)
    texts = ("What is it?", "what is it", "what, is it")
    rows = [replace(one.row, sample=replace(one.row.sample, text=text)) for text in texts]
    figures = StateFigures([replace(one, row=row) for row in rows])
    counts = {name: confusion.total for name, confusion in figures.styles.items()}
    assert counts == {"with case or marks": 2, "without": 1}


def test_the_calibration_error_has_an_interval(figures: StateFigures) -> None:
    assert figures.calibration_interval is not None
    low, high = figures.calibration_interval
    assert 0.0 <= low <= high <= 1.0
    assert StateFigures([]).calibration_interval is None


def test_thresholds_and_argmax_differ(figures: StateFigures) -> None:
    unsure = figures.predictions[1]
    assert (unsure.decided, unsure.likeliest) == (INCOMPLETE, QUERY)
    assert (unsure.after_pause, unsure.after_silence) == (QUERY, QUERY)
    assert figures.confusion.recall(QUERY) == Share(1, 3)
    assert figures.argmax_confusion.recall(QUERY) == Share(2, 3)
    assert figures.recall_with_patience["after_pause"][QUERY] == Share(2, 3)


def test_incomplete_is_acted_on_only_when_patience_is_out(figures: StateFigures) -> None:
    cut = figures.predictions[-1]
    assert (cut.decided, cut.after_pause) == (INCOMPLETE, INCOMPLETE)
    assert cut.after_silence in (QUERY, NON_QUERY)
    assert INCOMPLETE not in figures.recall_with_patience["after_silence"]


def test_categories(figures: StateFigures) -> None:
    found = {each.category: each for each in figures.categories}
    assert list(found) == ["short", "task", "aside", "backchannel", "cut"]
    assert found["task"].recall == Share(1, 2)
    assert found["task"].acts_wrongly == Share(0, 2), "waiting is not acting"
    assert found["task"].precision == Share(1, 2), "an aside was taken for a query"
    assert found["short"].acts_wrongly == Share(1, 1)
    assert found["aside"].decided == Counter({QUERY: 1})
    assert found["cut"].acts_wrongly == Share(0, 1)


def test_situations(figures: StateFigures) -> None:
    assert figures.situations["while speaking"].recall(NON_QUERY) == Share(1, 2)
    assert figures.situations["alone"].recall(NON_QUERY).value is None


def test_targets_without_rows_are_open(figures: StateFigures) -> None:
    outcomes = {each.target.name: each for each in figures.outcomes}
    assert outcomes["recall of hold"].measured is None
    assert outcomes["recall of hold"].verdict is None
    verdict = outcomes["recall of incomplete"].verdict
    assert verdict is not None
    assert verdict.is_met
    assert outcomes["recall of query"].to_json()["is_met"] is False
    assert outcomes["calibration error"].to_json()["target"] == "≤ 0.03"


def test_calibration_is_of_the_likeliest_state(figures: StateFigures) -> None:
    # Confidences .8 .5 .7 .8 .9 .8, right at all but .7 and .9, each in a bin of its own but .8.
    expected = (3 * (1 - 0.8) + 0.5 + 0.7 + 0.9) / 6
    assert figures.calibration_error == pytest.approx(expected)


def test_surest_mistakes_come_first(figures: StateFigures) -> None:
    assert [each.category for each in figures.mistakes] == ["aside", "short", "task"]


def test_report(figures: StateFigures) -> None:
    report = json.loads(json.dumps(states_json(figures)))
    assert report["confusion"]["query"] == {
        "query": 1,
        "non_query": 1,
        "incomplete": 1,
        "hold": 0,
    }
    assert report["by_label"]["query"]["false_positive_rate"]["hits"] == 1
    assert report["by_category"][1]["decided"] == {"query": 1, "incomplete": 1}
    page = ReportPage("t")
    show_states(page, figures)
    text = page.render()
    assert text.count("<svg") == 3
    assert "missed" in text


def test_page_of_a_single_label_can_be_drawn() -> None:
    figures = StateFigures([predicted(HOLD, "", 0.1, 0.1, 0.1, 0.7)])
    page = ReportPage("t")
    show_states(page, figures)
    assert figures.confusion.recall(HOLD) == Share(1, 1)
