"""The figures of whole-utterance state decisions: what was decided, how surely, how often right."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from duologue.evaluation.metrics import (
    Confusion,
    ReliabilityBin,
    Share,
    expected_calibration_error,
    reliability,
)
from duologue.evaluation.prediction import Prediction
from duologue.evaluation.targets import CALIBRATION, RECALL, TargetOutcome
from duologue.states import State

NUM_DRAWS = 200
"""Of all rows, with replacement, for the interval of the calibration error."""


@dataclass(frozen=True, slots=True)
class CategoryFigures:
    """The rows of one label that are of one category."""

    label: State
    category: str
    decided: Counter[State]
    num_false: int
    """Rows of other labels that were decided to be this one."""

    @property
    def num_rows(self) -> int:
        return self.decided.total()

    @property
    def recall(self) -> Share:
        return Share(self.decided[self.label], self.num_rows)

    @property
    def acts_wrongly(self) -> Share:
        """What was decided to be another state that is acted on; the rest was waited with."""
        waits = self.decided[State.INCOMPLETE] if self.label is not State.INCOMPLETE else 0
        return Share(self.num_rows - self.decided[self.label] - waits, self.num_rows)

    @property
    def precision(self) -> Share:
        """How precise the decision for the label would be if this category were all there is of it.

        Of what was decided to be the label, and is of this category or of another label, the share
        that is of this category.
        """
        hits = self.decided[self.label]
        return Share(hits, hits + self.num_false)


@dataclass(frozen=True, slots=True)
class StateFigures:
    """Everything that is counted over the predictions of one file."""

    predictions: Sequence[Prediction]

    @property
    def labels(self) -> tuple[State, ...]:
        """The states that the data or the head knows."""
        known = {each.label for each in self.predictions}
        known |= {state for each in self.predictions for state in each.probabilities}
        return tuple(state for state in State if state in known)

    @property
    def confusion(self) -> Confusion[State]:
        """What each label was decided to be at the thresholds."""
        return self._confusion(lambda p: p.decided)

    @property
    def argmax_confusion(self) -> Confusion[State]:
        """What each label was likeliest to be, thresholds aside."""
        return self._confusion(lambda p: p.likeliest)

    @property
    def bins(self) -> list[ReliabilityBin]:
        """Confidence in the likeliest state against how often it is the label."""
        return reliability(
            [p.confidence for p in self.predictions],
            [p.likeliest is p.label for p in self.predictions],
        )

    @property
    def calibration_error(self) -> float | None:
        return expected_calibration_error(self.bins)

    @property
    def calibration_interval(self) -> tuple[float, float] | None:
        """Where the calibration error lies with 95 % confidence, by drawing the rows again."""
        sure = [p.confidence for p in self.predictions]
        right = [p.likeliest is p.label for p in self.predictions]
        rng, found = Random(0), list[float]()
        for _ in range(NUM_DRAWS if sure else 0):
            places = rng.choices(range(len(sure)), k=len(sure))
            bins = reliability([sure[p] for p in places], [right[p] for p in places])
            error = expected_calibration_error(bins)
            assert error is not None
            found.append(error)
        found.sort()
        return (found[NUM_DRAWS // 40], found[-1 - NUM_DRAWS // 40]) if found else None

    @property
    def outcomes(self) -> list[TargetOutcome]:
        """The targets on recall and calibration with what was measured."""
        confusion = self.confusion
        recalls = [
            TargetOutcome(target, confusion.recall(state).value if state in self.labels else None)
            for state, target in RECALL.items()
        ]
        return [*recalls, TargetOutcome(CALIBRATION, self.calibration_error)]

    @property
    def mistakes(self) -> list[Prediction]:
        """What was decided wrongly, the surest first."""
        wrong = [p for p in self.predictions if not p.is_right]
        return sorted(wrong, key=lambda p: -p.probabilities.get(p.decided, 0.0))

    @property
    def categories(self) -> list[CategoryFigures]:
        """Each label's categories, in the order of labels."""
        confusion = self.confusion
        groups: dict[tuple[State, str], Counter[State]] = {}
        for each in self.predictions:
            groups.setdefault((each.label, each.category), Counter())[each.decided] += 1
        ordered = sorted(groups, key=lambda group: (self.labels.index(group[0]), group[1]))
        return [
            CategoryFigures(
                label, category, groups[label, category], confusion.false_positive_rate(label).hits
            )
            for label, category in ordered
        ]

    @property
    def situations(self) -> Mapping[str, Confusion[State]]:
        """The confusion of rows that stand alone, after turns, and while the assistant speaks."""
        pairs: dict[str, list[tuple[State, State]]] = {}
        for each in self.predictions:
            pairs.setdefault(each.row.sample.situation, []).append((each.label, each.decided))
        return {name: Confusion.of(self.labels, found) for name, found in pairs.items()}

    @property
    def styles(self) -> Mapping[str, Confusion[State]]:
        """The confusion of texts that are typed, and of those that look like recognised speech."""
        pairs: dict[str, list[tuple[State, State]]] = {}
        for each in self.predictions:
            name = "with case or marks" if _is_typed(each.row.sample.text) else "without"
            pairs.setdefault(name, []).append((each.label, each.decided))
        return {name: Confusion.of(self.labels, found) for name, found in pairs.items()}

    @property
    def recall_with_patience(self) -> Mapping[str, Mapping[State, Share]]:
        """Recall of the states that are acted on while speaking, after a pause, after silence."""
        confusions = {
            "speaking": self.confusion,
            "after_pause": self._confusion(lambda p: p.after_pause),
            "after_silence": self._confusion(lambda p: p.after_silence),
        }
        acted_on = [state for state in self.labels if state is not State.INCOMPLETE]
        return {
            name: {state: confusion.recall(state) for state in acted_on}
            for name, confusion in confusions.items()
        }

    def _confusion(self, taken_for: Callable[[Prediction], State]) -> Confusion[State]:
        return Confusion.of(self.labels, ((p.label, taken_for(p)) for p in self.predictions))


def _is_typed(text: str) -> bool:
    return any(each.isupper() or each in ".,;:?!" for each in text)
