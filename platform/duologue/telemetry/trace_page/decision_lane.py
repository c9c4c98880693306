"""The lane of decisions: how probable a state was, and what that probability had to reach."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from duologue.telemetry import names
from duologue.telemetry.trace_page.axis import Axis
from duologue.telemetry.trace_page.lanes import JUDGED
from duologue.telemetry.trace_page.svg import item, label, line, tag
from duologue.telemetry.trace_page.turns import TurnRow

_TOP_PX, _BOTTOM_PX = JUDGED.top_px + 16, JUDGED.bottom_px - 8


def shapes(turns: Sequence[TurnRow], axis: Axis) -> Iterator[str]:
    """A dot as high as the probability, and a dash at what it had to reach."""
    yield label("1", 2, _TOP_PX + 4, "scale")
    yield label("0", 2, _BOTTOM_PX, "scale")
    for turn in turns:
        for event in turn.judged:
            yield _reading(event.attributes, axis.x_of(event.at_ms), turn.number)


def why(told: Mapping[str, Any]) -> str:
    """The reason of a decision in words, a line for each part of it."""
    state = told.get(names.STATE, "unknown")
    lines = [f"{state}, {_measured(told)}" if _measured(told) else str(state)]
    read_from = f"read from: {told.get(names.DECISION_REASON, 'unknown')}"
    if ahead := told.get(names.LOOK_AHEAD_TOKENS):
        read_from += f", {ahead} tokens ahead"
    lines.append(read_from)
    if names.PATIENCE in told:
        lines.append(f"patience: {told[names.PATIENCE]}")
    if names.CONFIRM_ABOVE in told:
        lines.append(f"shown at once from {told[names.CONFIRM_ABOVE]:.3f} on, held below")
    return "\n".join(lines)


def probability_of(told: Mapping[str, Any]) -> float | None:
    """Of the state that was decided; of a query, while none was."""
    name = names.QUERY_PROBABILITY if is_open(told) else names.DECISION_PROBABILITY
    return told.get(name)


def is_open(told: Mapping[str, Any]) -> bool:
    """Whether the utterance stays undecided."""
    return told.get(names.STATE) == "incomplete"


def _measured(told: Mapping[str, Any]) -> str:
    probability, threshold = probability_of(told), told.get(names.DECISION_THRESHOLD)
    if probability is None:
        return ""
    of_what = "query" if is_open(told) else "probability"
    wanted = "" if threshold is None else f", had to reach {threshold:.3f}"
    return f"{of_what} {probability:.3f}{wanted}"


def _reading(told: Mapping[str, Any], x: float, number: int) -> str:
    state = str(told.get(names.STATE, ""))
    probability, threshold = probability_of(told), told.get(names.DECISION_THRESHOLD)
    y = _height(probability if probability is not None else 0.0)
    drawn = [line(x, _BOTTOM_PX, x, y, "stem"), tag("circle", cx=x, cy=y, r=4, class_="dot")]
    if threshold is not None:
        drawn.append(line(x - 6, _height(threshold), x + 6, _height(threshold), "threshold"))
    if not is_open(told):
        shown = state if probability is None else f"{state} {probability:.2f}"
        drawn.append(label(shown, x + 7, y + 4, "state-name"))
    kind = state if state in ("incomplete", "query", "non_query", "hold") else "other"
    return item(f"turn {number} judged: {why(told)}", *drawn, class_=f"state {kind}")


def _height(probability: float) -> float:
    return _BOTTOM_PX - min(max(probability, 0.0), 1.0) * (_BOTTOM_PX - _TOP_PX)
