"""The targets of the design (section 9), and whether a measured figure meets its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duologue.evaluation.page import ReportPage, Verdict
from duologue.states import State


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that is to be at least, or at most, so much."""

    name: str
    limit: float
    is_ceiling: bool = False

    def is_met(self, measured: float) -> bool:
        return measured <= self.limit if self.is_ceiling else measured >= self.limit

    def __str__(self) -> str:
        return f"{'≤' if self.is_ceiling else '≥'} {self.limit:g}"


@dataclass(frozen=True, slots=True)
class TargetOutcome:
    """A target with what was measured; None where the data has nothing to measure it on."""

    target: Target
    measured: float | None

    @property
    def verdict(self) -> Verdict | None:
        if self.measured is None:
            return None
        return Verdict(self.target.is_met(self.measured))

    def to_json(self) -> dict[str, Any]:
        measured = self.measured
        return {
            "name": self.target.name,
            "measured": None if measured is None else round(measured, 4),
            "target": str(self.target),
            "is_met": None if measured is None else self.target.is_met(measured),
        }


RECALL: Mapping[State, Target] = {
    State.QUERY: Target("recall of query", 0.95),
    State.NON_QUERY: Target("recall of non_query", 0.95),
    State.INCOMPLETE: Target("recall of incomplete", 0.95),
    State.HOLD: Target("recall of hold", 0.95),
}
CALIBRATION = Target("calibration error", 0.03, is_ceiling=True)
PREMATURE = Target("computed early, share of words", 0.03, is_ceiling=True)
SHOWN_EARLY = Target("shown early, share of turns", 0.01, is_ceiling=True)
ROBUST = 0.02
"""The share of decisions that may change with what says nothing."""


def show_targets(page: ReportPage, outcomes: Sequence[TargetOutcome], caption: str = "") -> None:
    """A table of targets and figures; a missed target is shown, not hidden."""
    rows = [(each.target.name, each.measured, each.target, each.verdict) for each in outcomes]
    page.table(["figure", "measured", "target", ""], rows, caption)
