"""The figures that reports are made of: shares with their uncertainty, confusion, calibration.

Pure Python; labels are anything that hashes.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any, Generic, TypeVar

Label = TypeVar("Label", bound=Hashable)

NUM_BINS = 15
_Z_95 = 1.959964
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    hits: int
    total: int

    def __post_init__(self) -> None:
        assert 0 <= self.hits <= self.total, (self.hits, self.total)

    @classmethod
    def of(cls, hits: Iterable[bool]) -> "Share":
        """The share of what is true."""
        seen = list(hits)
        return cls(sum(seen), len(seen))

    @property
    def value(self) -> float | None:
        """From 0 to 1; None when there was nothing to count."""
        return self.hits / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true share lies with 95 % confidence (Wilson); (0, 1) when nothing is known."""
        if not self.total:
            return 0.0, 1.0
        share, spread = self.hits / self.total, _Z_95**2 / self.total
        middle = share + spread / 2
        reach = sqrt(spread * (share * (1 - share) + spread / 4))
        return (
            max(0.0, (middle - reach) / (1 + spread)),
            min(1.0, (middle + reach) / (1 + spread)),
        )

    def to_json(self) -> dict[str, Any]:
        """The share with what it was counted from and its interval, rounded for reading."""
        low, high = self.interval
        return {
            "share": None if self.value is None else round(self.value, _DIGITS),
            "hits": self.hits,
            "of": self.total,
            "interval_95": [round(low, _DIGITS), round(high, _DIGITS)],
        }

    @property
    def told(self) -> str:
        """With its interval: `.957 (88/92), .89–.98`."""
        low, high = (f"{end:.2f}".removeprefix("0") for end in self.interval)
        return str(self) if self.value is None else f"{self}, {low}–{high}"

    def __str__(self) -> str:
        """As a table shows it: `.957 (88/92)`, or a dash."""
        if self.value is None:
            return "–"
        text = f"{self.value:.3f}".removeprefix("0")
        return f"{text} ({self.hits}/{self.total})"


@dataclass(frozen=True, slots=True)
class Confusion(Generic[Label]):
    """How often each label was taken for each."""

    labels: tuple[Label, ...]
    counts: Counter[tuple[Label, Label]]
    """By true label and what it was taken for."""

    @classmethod
    def of(
        cls, labels: Sequence[Label], pairs: Iterable[tuple[Label, Label]]
    ) -> "Confusion[Label]":
        """Count pairs of a true label and what it was taken for, both of `labels`."""
        counts = Counter(pairs)
        strange = {label for pair in counts for label in pair} - set(labels)
        assert not strange, f"labels that are not listed: {strange}"
        return cls(tuple(labels), counts)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def accuracy(self) -> Share:
        return Share(sum(self.counts[label, label] for label in self.labels), self.total)

    def recall(self, label: Label) -> Share:
        """Of what is this label, how much was taken for it."""
        return Share(self.counts[label, label], self._num_true(label))

    def precision(self, label: Label) -> Share:
        """Of what was taken for this label, how much is it."""
        return Share(self.counts[label, label], self._num_taken(label))

    def false_positive_rate(self, label: Label) -> Share:
        """Of what is another label, how much was taken for this one."""
        false = self._num_taken(label) - self.counts[label, label]
        return Share(false, self.total - self._num_true(label))

    def false_negative_rate(self, label: Label) -> Share:
        """Of what is this label, how much was taken for another."""
        recall = self.recall(label)
        return Share(recall.total - recall.hits, recall.total)

    def rows(self) -> list[list[int]]:
        """The matrix: a row for each true label, a column for what it was taken for."""
        return [[self.counts[true, taken] for taken in self.labels] for true in self.labels]

    def to_json(self) -> dict[str, dict[str, int]]:
        """The matrix with names."""
        return {
            str(true): {str(taken): self.counts[true, taken] for taken in self.labels}
            for true in self.labels
        }

    def _num_true(self, label: Label) -> int:
        return sum(self.counts[label, taken] for taken in self.labels)

    def _num_taken(self, label: Label) -> int:
        return sum(self.counts[true, label] for true in self.labels)


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Decisions of similar confidence: how sure they were, and how often they were right."""

    low: float
    high: float
    num_rows: int
    confidence: float
    """Mean confidence of its rows; the middle of the bin when it has none."""
    accuracy: Share


def reliability(
    confidences: Sequence[float], are_right: Sequence[bool], num_bins: int = NUM_BINS
) -> list[ReliabilityBin]:
    """Sort decisions into equal bins of confidence, from 0 to 1; 1 belongs to the last."""
    assert len(confidences) == len(are_right), (len(confidences), len(are_right))
    sorted_in: list[list[tuple[float, bool]]] = [[] for _ in range(num_bins)]
    for confidence, is_right in zip(confidences, are_right, strict=True):
        sorted_in[min(int(confidence * num_bins), num_bins - 1)].append((confidence, is_right))
    bins = []
    for place, rows in enumerate(sorted_in):
        middle = (place + 0.5) / num_bins
        mean = sum(confidence for confidence, _ in rows) / len(rows) if rows else middle
        right = Share.of(is_right for _, is_right in rows)
        bins.append(
            ReliabilityBin(place / num_bins, (place + 1) / num_bins, len(rows), mean, right)
        )
    return bins


def expected_calibration_error(bins: Sequence[ReliabilityBin]) -> float | None:
    """Mean gap between confidence and accuracy, weighted by rows; None without rows."""
    total = sum(each.num_rows for each in bins)
    if not total:
        return None
    gaps = (
        abs(each.confidence - each.accuracy.value) * each.num_rows
        for each in bins
        if each.accuracy.value is not None
    )
    return sum(gaps) / total


@dataclass(frozen=True, slots=True)
class Spread:
    """How a measured quantity is distributed."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        return cls(tuple(sorted(values)))

    @property
    def mean(self) -> float | None:
        return sum(self.values) / len(self.values) if self.values else None

    def quantile(self, part: float) -> float | None:
        """The smallest value that at least `part` of all values reach or stay below."""
        assert 0.0 <= part <= 1.0, part
        if not self.values:
            return None
        return self.values[max(0, ceil(part * len(self.values)) - 1)]

    def to_json(self) -> dict[str, Any]:
        """Number, mean, median, 95th percentile and largest, rounded for reading."""
        figures = {
            "mean": self.mean,
            "p50": self.quantile(0.5),
            "p95": self.quantile(0.95),
            "max": self.quantile(1.0),
        }
        rounded = {name: None if x is None else round(x, 3) for name, x in figures.items()}
        return {"number": len(self.values), **rounded}
