"""The figures by which heads are compared: recall, precision, calibration, premature triggers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from duologue.states import State, decide
from duologue.training.calibration import calibration_error
from duologue.training.sample import Sample


@dataclass(frozen=True, slots=True)
class Judged:
    """Samples with the probabilities that a head gave them and what they were decided to be."""

    samples: Sequence[Sample]
    probabilities: Tensor  # [samples, labels]
    order: tuple[State, ...]
    decided: tuple[State, ...]

    @classmethod
    def of(
        cls,
        samples: Sequence[Sample],
        probabilities: Tensor,
        order: Sequence[State],
        thresholds: Mapping[State, float],
    ) -> "Judged":
        """Decide every sample as the engine would."""
        decided = tuple(
            decide(dict(zip(order, row, strict=True)), thresholds) for row in probabilities.tolist()
        )
        return cls(samples, probabilities, tuple(order), decided)

    @property
    def labels(self) -> Tensor:
        """The samples' labels as columns of the probabilities."""
        return torch.tensor([self.order.index(sample.label) for sample in self.samples])

    def recall(self, state: State) -> float:
        """The share of a label's samples that were decided to be what they are."""
        return _share([d is state for s, d in self._pairs() if s.label is state])

    def precision(self, state: State) -> float:
        """The share of what was decided to be this state that really is."""
        return _share([s.label is state for s, d in self._pairs() if d is state])

    def trigger_share(self) -> float:
        """The share of all samples that would make the assistant answer."""
        return _share([d is State.QUERY for d in self.decided])

    def recall_by(self, attribute: str) -> dict[str, float]:
        """Recall for every value of a sample's attribute (`category`, `situation`, `source`)."""
        groups: dict[str, list[bool]] = {}
        for sample, decided in self._pairs():
            groups.setdefault(getattr(sample, attribute), []).append(decided is sample.label)
        return {name: _share(hits) for name, hits in sorted(groups.items())}

    def confusion(self) -> dict[str, dict[str, int]]:
        """How often each label was decided to be each state."""
        table = {str(label): {str(state): 0 for state in self.order} for label in self.order}
        for sample, decided in self._pairs():
            table[str(sample.label)][str(decided)] += 1
        return table

    def to_json(self) -> dict[str, Any]:
        """Everything, rounded for reading."""
        present = [state for state in self.order if any(s.label is state for s in self.samples)]
        return {
            "samples": len(self.samples),
            "recall": {str(state): round(self.recall(state), 4) for state in present},
            "precision": {str(state): round(self.precision(state), 4) for state in present},
            "recall_by_category": _rounded(self.recall_by("category")),
            "recall_by_situation": _rounded(self.recall_by("situation")),
            "confusion": self.confusion(),
            "calibration_error": round(calibration_error(self.probabilities, self.labels), 4),
        }

    def _pairs(self) -> list[tuple[Sample, State]]:
        return list(zip(self.samples, self.decided, strict=True))


def word_beginnings(samples: Sequence[Sample]) -> list[Sample]:
    """Every beginning, word by word, of every query: what streaming judges before the end.

    A beginning is counted as unfinished whatever it says, so a share of triggers on these rows is
    an upper bound: some beginnings are whole queries.
    """
    beginnings = []
    for sample in samples:
        if sample.label is State.QUERY:
            words = sample.text.split()
            beginnings += [
                Sample(
                    " ".join(words[:count]),
                    State.INCOMPLETE,
                    "beginning",
                    sample.context,
                    sample.speaking,
                    sample.source,
                )
                for count in range(1, len(words))
            ]
    return beginnings


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits) if hits else 0.0


def _rounded(shares: Mapping[str, float]) -> dict[str, float]:
    return {name: round(share, 4) for name, share in shares.items()}
