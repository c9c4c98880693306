"""How a data set is divided among the categories, and what of it is cut short."""

from collections.abc import Mapping

from duologue.states import State

# category: share of the data set. Each label's categories sum to what the label gets.
QUOTAS: Mapping[str, float] = {
    # query, 0.440
    "service_query": 0.040, "spoken_command": 0.035, "task_request": 0.020, "answer": 0.034,
    "spoken_answer": 0.020, "short_answer": 0.032, "whole_number": 0.016, "agreement_answer": 0.030,
    "follow_up": 0.020, "correction": 0.024, "interruption": 0.020, "open_request": 0.022,
    "short_query": 0.034, "statement": 0.040, "two_sentences": 0.006, "spoken_question": 0.018,
    "repaired_question": 0.015, "go_on": 0.014,
    # non_query, 0.235
    "backchannel": 0.044, "thanks": 0.021, "agreement": 0.032, "filled_pause": 0.010,
    "vocal_tic": 0.020, "background": 0.046, "aside": 0.048, "retraction": 0.014,
    # incomplete, 0.235
    "cut_after_word": 0.138, "cut_inside_word": 0.022, "break_off": 0.030, "hesitation": 0.021,
    "number_group": 0.024,
    # hold, 0.090
    "hold": 0.090,
}  # fmt: skip

# What is cut short, and how often: queries above all, in proportion to their own quotas.
CUT_WEIGHTS: Mapping[str, int] = {
    "service_query": 35, "spoken_command": 15, "open_request": 18, "task_request": 15,
    "interruption": 10, "follow_up": 6, "statement": 8, "answer": 8, "spoken_answer": 4,
    "short_answer": 5, "repaired_question": 10, "correction": 5, "hold": 4, "aside": 3,
    "thanks": 1, "two_sentences": 3, "spoken_question": 8,
}  # fmt: skip

BOUND_TO_CONTEXT = frozenset(("answer", "spoken_answer", "short_answer", "whole_number"))
"""Whole only behind the question that they answer: elsewhere the same words may be a beginning."""

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
