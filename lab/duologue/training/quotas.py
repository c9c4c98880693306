"""How a data set is divided among the categories, and what of it is cut short."""

from collections.abc import Mapping

from duologue.states import State

# category: share of the data set. Each label's categories sum to what the label gets.
QUOTAS: Mapping[str, float] = {
    # query, 0.476
    "service_query": 0.031, "spoken_command": 0.042, "task_request": 0.014, "answer": 0.020,
    "spoken_answer": 0.020, "short_answer": 0.020, "free_answer": 0.052, "whole_number": 0.024,
    "agreement_answer": 0.026, "follow_up": 0.024, "correction": 0.030, "interruption": 0.028,
    "open_request": 0.012, "short_query": 0.034, "statement": 0.036, "two_sentences": 0.006,
    "spoken_question": 0.020, "repaired_question": 0.024, "go_on": 0.013,
    # non_query, 0.236
    "backchannel": 0.042, "thanks": 0.016, "agreement": 0.029, "filled_pause": 0.008,
    "vocal_tic": 0.014, "background": 0.060, "aside": 0.055, "retraction": 0.012,
    # incomplete, 0.204
    "cut_after_word": 0.102, "cut_inside_word": 0.018, "break_off": 0.030, "hesitation": 0.020,
    "number_group": 0.034,
    # hold, 0.084
    "hold": 0.084,
}  # fmt: skip

# What is cut short, and how often: queries above all, in proportion to their own quotas.
CUT_WEIGHTS: Mapping[str, int] = {
    "service_query": 35, "spoken_command": 15, "open_request": 18, "task_request": 15,
    "interruption": 10, "follow_up": 6, "statement": 8, "answer": 8, "spoken_answer": 4,
    "short_answer": 5, "free_answer": 8, "repaired_question": 10, "correction": 5, "hold": 4,
    "aside": 3, "thanks": 1, "two_sentences": 3, "spoken_question": 8,
}  # fmt: skip

BOUND_TO_CONTEXT = frozenset(
    ("answer", "spoken_answer", "short_answer", "free_answer", "whole_number")
)
"""Whole only behind the question that they answer: elsewhere the same words may be a beginning."""

MAY_END_EARLY = BOUND_TO_CONTEXT - {"whole_number"} | {"agreement_answer"}
"""Behind their question, most beginnings of these are answers too."""

BEHIND_QUESTIONS = frozenset(("hold", "aside", "background", "filled_pause", "vocal_tic"))
"""What people also say instead of an answer."""

_LABELS: Mapping[State, str] = {
    State.NON_QUERY: """backchannel thanks agreement filled_pause vocal_tic background aside
        retraction""",
    State.INCOMPLETE: "cut_after_word cut_inside_word break_off hesitation number_group",
    State.HOLD: "hold",
}


def label_of(category: str) -> State:
    """The label that all samples of a category have."""
    assert category in QUOTAS, category
    found = (label for label, names in _LABELS.items() if category in names.split())
    return next(found, State.QUERY)
