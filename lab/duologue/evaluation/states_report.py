"""The report on whole-utterance state decisions: as JSON, row by row, and as parts of a page."""

from collections.abc import Sequence
from json import dumps
from pathlib import Path
from typing import Any

from duologue.evaluation import plots
from duologue.evaluation.metrics import ReliabilityBin
from duologue.evaluation.page import ReportPage
from duologue.evaluation.prediction import Prediction
from duologue.evaluation.robustness import Changed
from duologue.evaluation.states import CategoryFigures, StateFigures
from duologue.evaluation.targets import TargetOutcome, show_targets
from duologue.states import State

NUM_MISTAKES = 25
_DIGITS = 4
_SHOWN_CHARS = 110


def states_json(figures: StateFigures, changed: Sequence[Changed] = ()) -> dict[str, Any]:
    """The figures as report.json holds them."""
    error, interval = figures.calibration_error, figures.calibration_interval
    return {
        "rows": len(figures.predictions),
        "targets": [outcome.to_json() for outcome in all_outcomes(figures, changed)],
        "accuracy": figures.confusion.accuracy.to_json(),
        "confusion": figures.confusion.to_json(),
        "argmax_confusion": figures.argmax_confusion.to_json(),
        "by_label": {str(label): _label_json(figures, label) for label in figures.labels},
        "by_category": [_category_json(each) for each in figures.categories],
        "by_situation": {
            name: {str(label): confusion.recall(label).to_json() for label in figures.labels}
            for name, confusion in figures.situations.items()
        },
        "by_style": {
            name: {str(label): confusion.recall(label).to_json() for label in figures.labels}
            for name, confusion in figures.styles.items()
        },
        "robustness": {each.name: each.share.to_json() for each in changed},
        "recall_with_patience": {
            name: {str(state): share.to_json() for state, share in recalls.items()}
            for name, recalls in figures.recall_with_patience.items()
        },
        "calibration": {
            "expected_error": None if error is None else round(error, _DIGITS),
            "interval_95": [round(end, _DIGITS) for end in interval or ()],
            "bins": [_bin_json(each) for each in figures.bins if each.num_rows],
        },
    }


def all_outcomes(figures: StateFigures, changed: Sequence[Changed]) -> list[TargetOutcome]:
    """The targets with what was measured, those of robustness included."""
    return [*figures.outcomes, *(each.outcome for each in changed)]


def write_predictions(path: Path, predictions: Sequence[Prediction]) -> None:
    """One JSON object per row, in the order of the data."""
    with path.open("w", encoding="utf-8") as file:
        for each in predictions:
            file.write(dumps(each.to_json(), ensure_ascii=False) + "\n")


def show_states(page: ReportPage, figures: StateFigures, changed: Sequence[Changed] = ()) -> None:
    """Targets, confusion, recall by label, category and situation, calibration, mistakes."""
    page.heading("Targets")
    outcomes = all_outcomes(figures, changed)
    show_targets(page, outcomes, "Targets of DESIGN.md, section 9, on unseen corpora.")
    page.heading("What was decided")
    names = [str(label) for label in figures.labels]
    page.figure(
        plots.matrix(names, figures.confusion.rows()),
        "Rows: what the text is; columns: what was decided at the thresholds in force.",
    )
    _show_labels(page, figures)
    _show_patience(page, figures)
    _show_categories(page, figures)
    _show_calibration(page, figures)
    _show_mistakes(page, figures)


def _show_labels(page: ReportPage, figures: StateFigures) -> None:
    confusion, argmax = figures.confusion, figures.argmax_confusion
    page.table(
        ["label", "recall", "precision", "false positives", "false negatives", "recall of argmax"],
        [
            (
                label,
                confusion.recall(label).told,
                confusion.precision(label).told,
                confusion.false_positive_rate(label).told,
                confusion.false_negative_rate(label).told,
                argmax.recall(label).told,
            )
            for label in figures.labels
        ],
        "Decisions at the thresholds; the last column takes the likeliest state instead.",
    )
    page.table(
        ["context", *(f"recall of {label}" for label in figures.labels)],
        [
            (name, *(confusion.recall(label).told for label in figures.labels))
            for name, confusion in figures.situations.items()
        ],
        "By what stands before the text.",
    )
    page.table(
        ["case and marks", *(f"recall of {label}" for label in figures.labels)],
        [
            (name, *(confusion.recall(label).told for label in figures.labels))
            for name, confusion in figures.styles.items()
        ],
        "Typed, and as recognised speech looks.",
    )


def _show_patience(page: ReportPage, figures: StateFigures) -> None:
    recalls = figures.recall_with_patience
    states = [state for state in figures.labels if state is not State.INCOMPLETE]
    page.table(
        ["judged", *(f"recall of {state}" for state in states)],
        [
            (name.replace("_", " "), *(by_state[state] for state in states))
            for name, by_state in recalls.items()
        ],
        "What is undecided is judged again after a pause, with lower thresholds, and after a longer"
        " silence the likeliest state that is acted on is taken.",
    )


def _show_categories(page: ReportPage, figures: StateFigures) -> None:
    page.heading("By category")
    shares = {f"{each.label}: {each.category or '–'}": each.recall for each in figures.categories}
    page.figure(
        plots.share_bars(shares, target=0.95),
        "Recall at the thresholds with its 95 % interval; the dashed line is .95.",
    )
    page.table(
        ["label", "category", "recall", "acts wrongly", "precision", "decided"],
        [
            (
                each.label,
                each.category or None,
                each.recall.told,
                each.acts_wrongly.told,
                each.precision.told,
                ", ".join(f"{number} {state}" for state, number in each.decided.most_common()),
            )
            for each in figures.categories
        ],
        "“Acts wrongly”: decided to be another state that is acted on, rather than waited with. "
        "“Precision”: as if the category were all there is of its label.",
    )


def _show_calibration(page: ReportPage, figures: StateFigures) -> None:
    page.heading("Calibration")
    error = figures.calibration_error
    low, high = figures.calibration_interval or (0.0, 1.0)
    page.figure(
        plots.reliability_diagram(figures.bins),
        f"Expected calibration error {'–' if error is None else f'{error:.3f}'} "
        f"({low:.3f}–{high:.3f}): the mean gap "
        "between how sure the head is of the likeliest state and how often that is right.",
    )


def _show_mistakes(page: ReportPage, figures: StateFigures) -> None:
    mistakes = figures.mistakes
    page.heading("Surest mistakes")
    page.paragraph(
        f"{len(mistakes)} of {len(figures.predictions)} rows were decided wrongly; "
        "predictions.jsonl has every row."
    )
    page.table(
        ["line", "text", "label", "category", "decided", "probability"],
        [
            (
                each.row.line,
                _shortened(each.row.sample.text),
                each.label,
                each.category or None,
                each.decided,
                each.probabilities.get(each.decided, 0.0),
            )
            for each in mistakes[:NUM_MISTAKES]
        ],
    )


def _shortened(text: str) -> str:
    """The end of a long text: that is where the state is read."""
    return text if len(text) <= _SHOWN_CHARS else "…" + text[-_SHOWN_CHARS:]


def _label_json(figures: StateFigures, label: State) -> dict[str, Any]:
    confusion = figures.confusion
    return {
        "recall": confusion.recall(label).to_json(),
        "precision": confusion.precision(label).to_json(),
        "false_positive_rate": confusion.false_positive_rate(label).to_json(),
        "false_negative_rate": confusion.false_negative_rate(label).to_json(),
        "argmax_recall": figures.argmax_confusion.recall(label).to_json(),
    }


def _category_json(each: CategoryFigures) -> dict[str, Any]:
    return {
        "label": str(each.label),
        "category": each.category,
        "recall": each.recall.to_json(),
        "acts_wrongly": each.acts_wrongly.to_json(),
        "precision": each.precision.to_json(),
        "decided": {str(state): number for state, number in each.decided.most_common()},
    }


def _bin_json(each: ReliabilityBin) -> dict[str, Any]:
    return {
        "from": round(each.low, _DIGITS),
        "to": round(each.high, _DIGITS),
        "rows": each.num_rows,
        "confidence": round(each.confidence, _DIGITS),
        "accuracy": each.accuracy.to_json(),
    }
