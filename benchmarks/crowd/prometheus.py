"""What a platform's own metrics say of a run: the difference between its end and its beginning."""

import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from duologue.errors import InvalidInput
from duologue.telemetry import names

Sample = tuple[str, tuple[tuple[str, str], ...]]
FETCH_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Scrape:
    """Every sample of some metrics ports at one time, those of several ports added up."""

    values: Mapping[Sample, float]

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Scrape":
        values: dict[Sample, float] = {}
        for text in texts:
            for family in text_string_to_metric_families(text):
                for name, labels, value, *_ in family.samples:
                    key = (name, tuple(sorted(labels.items())))
                    values[key] = values.get(key, 0.0) + value
        return cls(values)

    @classmethod
    def fetch(cls, urls: Sequence[str]) -> "Scrape":
        """Raises InvalidInput for a URL that does not answer with metrics."""
        return cls.of(_fetch(url) for url in urls)

    def since(self, earlier: "Scrape") -> "Scrape":
        """What was added."""
        values = {key: value - earlier.values.get(key, 0.0) for key, value in self.values.items()}
        return Scrape(values)

    def total(self, name: str) -> float | None:
        """The sum of a metric over its labels; None if there is none of that name."""
        found = [value for (each, _), value in self.values.items() if each == name]
        return sum(found) if found else None

    def quantile(self, name: str, share: float) -> float | None:
        """Of a histogram, within the bucket that it falls into; None without observations."""
        buckets: dict[float, float] = {}
        for (each, labels), value in self.values.items():
            if each == f"{name}_bucket":
                edge = float(dict(labels)["le"])
                buckets[edge] = buckets.get(edge, 0.0) + value
        return _quantile(sorted(buckets.items()), share)


def batcher_figures(run: Scrape) -> dict[str, Any] | None:
    """Ticks and forwards of all batching actors; None if no port had them."""
    ticks = run.total(f"{names.TICKS}_total")
    if ticks is None:
        return None
    shares = (0.5, 0.95, 0.99)
    return {
        "ticks": round(ticks),
        "missed_ticks": round(run.total(f"{names.MISSED_TICKS}_total") or 0),
        "missed_slices": round(run.total(f"{names.MISSED_SLICES}_total") or 0),
        "slices": round(run.total(f"{names.SLICES}_total") or 0),
        "tick_ms": {_p(share): _ms(run.quantile(names.TICK_DURATION, share)) for share in shares},
        "forward_ms": {
            _p(share): _ms(run.quantile(names.FORWARD_DURATION, share)) for share in shares
        },
        "forward_s": round(run.total(f"{names.FORWARD_DURATION}_sum") or 0.0, 2),
    }


def _fetch(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise InvalidInput(f"a metrics URL must begin with http:// or https://, not {url!r}")
    try:
        with urllib.request.urlopen(url, timeout=FETCH_WITHIN_S) as answer:
            return str(answer.read().decode())
    except (OSError, ValueError) as error:
        raise InvalidInput(f"no metrics at {url}: {error}") from error


def _quantile(buckets: Sequence[tuple[float, float]], share: float) -> float | None:
    total = buckets[-1][1] if buckets else 0.0
    if not total:
        return None
    low_edge, below = 0.0, 0.0
    for edge, count in buckets:
        if count >= share * total:
            if edge == float("inf"):
                return low_edge
            inside = count - below
            return low_edge + (edge - low_edge) * (share * total - below) / inside
        low_edge, below = edge, count
    return None


def _p(share: float) -> str:
    return f"p{round(100 * share)}"


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(1e3 * seconds, 1)
