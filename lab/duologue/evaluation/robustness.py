"""Whether a decision depends on what says nothing: how a text ends, and its case."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from duologue.evaluation.metrics import Share
from duologue.evaluation.prediction import Prediction
from duologue.evaluation.rows import Row
from duologue.evaluation.targets import ROBUST, Target, TargetOutcome

CHANGES: Mapping[str, Callable[[str], str]] = {
    "trailing blank": lambda text: text + " ",
    "trailing comma": lambda text: text + ",",
    "trailing filler": lambda text: text + " uh",
    "capitals": str.upper,
}
"""What is done to a text. None of it makes another state of it."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of the decisions when every text was changed in one way."""

    name: str
    predictions: Sequence[Prediction]
    before: Sequence[Prediction]

    @property
    def share(self) -> Share:
        """Of all rows, those that are decided otherwise."""
        pairs = zip(self.before, self.predictions, strict=True)
        return Share.of(before.decided is not after.decided for before, after in pairs)

    @property
    def outcome(self) -> TargetOutcome:
        target = Target(f"decisions changed by {self.name}", ROBUST, is_ceiling=True)
        return TargetOutcome(target, self.share.value)


def changed_rows(rows: Sequence[Row], name: str) -> list[Row]:
    """The rows with their texts changed in this way."""
    change = CHANGES[name]
    return [replace(row, sample=replace(row.sample, text=change(row.sample.text))) for row in rows]
