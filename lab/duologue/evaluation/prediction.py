"""What an engine made of one labelled utterance."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from duologue.evaluation.rows import Row
from duologue.lane.judging import Judge, Judgement, JudgingPatience
from duologue.states import State


@dataclass(frozen=True, slots=True)
class Prediction:
    """A row, what was read of it, and what follows from that."""

    row: Row
    probabilities: Mapping[State, float]
    decided: State
    """At the thresholds in force, the user being in the middle of speaking."""
    after_pause: State
    """With the lower thresholds of a pause."""
    after_silence: State
    """When patience is out, and one of the states that are acted on is taken."""

    @classmethod
    def of(cls, row: Row, judgement: Judgement, judge: Judge) -> "Prediction":
        """What the engine judged, and what it would come to if the user then fell silent."""
        read = judgement.probabilities
        return cls(
            row=row,
            probabilities=read,
            decided=judgement.state,
            after_pause=judge.decide(read, JudgingPatience.LOW),
            after_silence=judge.decide(read, JudgingPatience.OUT),
        )

    @property
    def label(self) -> State:
        return self.row.sample.label

    @property
    def category(self) -> str:
        return self.row.sample.category

    @property
    def likeliest(self) -> State:
        return max(self.probabilities, key=lambda state: self.probabilities[state])

    @property
    def confidence(self) -> float:
        """The probability of the likeliest state."""
        return self.probabilities[self.likeliest]

    @property
    def is_right(self) -> bool:
        return self.decided is self.label

    def to_json(self) -> dict[str, Any]:
        """A row of predictions.jsonl."""
        sample = self.row.sample
        return {
            "line": self.row.line,
            "text": sample.text,
            "label": str(sample.label),
            "category": self.category,
            "situation": sample.situation,
            "decision": str(self.decided),
            "argmax": str(self.likeliest),
            "is_right": self.is_right,
            "after_pause": str(self.after_pause),
            "after_silence": str(self.after_silence),
            "probabilities": {str(s): round(p, 6) for s, p in self.probabilities.items()},
        }
