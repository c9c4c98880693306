"""Comparing heads: what they read, how wide they are, how much and what data they see.

    python -m duologue.training.variants --data ./states --cache ./cache

prints one row per variant, as a Markdown table. Hidden states are read once, for all variants.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from duologue.forward.state_head import AdapterCard, StateHead
from duologue.model.loading import load_model
from duologue.states import State
from duologue.training.calibration import best_temperature, calibration_error
from duologue.training.data_set import read_data_set
from duologue.training.feature_store import FeatureStore
from duologue.training.figures import Judged, word_beginnings
from duologue.training.head_fit import FitSettings, cooled, fit_head
from duologue.training.sample import Sample
from duologue.training.trainer import NUM_STREAMED_QUERIES, label_columns

ORDER = tuple(State)
ANY = dict.fromkeys((State.QUERY, State.NON_QUERY, State.HOLD), 0.0)
WIDE = FitSettings.of_width(256)


@dataclass(frozen=True, slots=True)
class Variant:
    """One row of the table: which layers, which head, which part of the training samples."""

    name: str
    layers: tuple[int, ...]
    fit: FitSettings
    max_samples: int | None = None
    situations: frozenset[str] = frozenset()
    without_source: str = ""

    def keeps(self, sample: Sample) -> bool:
        """Whether this variant trains on the sample (its size limit apart)."""
        in_situation = not self.situations or sample.situation in self.situations
        return in_situation and (not self.without_source or sample.source != self.without_source)


def variants(depth: int) -> list[Variant]:
    """The comparison, for a model of this many layers."""
    middle = round(depth * 0.6)
    several = (round(depth * 0.4), middle, round(depth * 0.8), -1)
    linear = FitSettings()
    rows = [
        Variant("rows on the final state", (-1,), linear),
        Variant("linear, middle layer", (middle,), linear),
        Variant("linear, four layers", several, linear),
        Variant("two dense layers, final state", (-1,), WIDE),
        Variant("two dense layers, middle layer", (middle,), WIDE),
        Variant("two dense layers, four layers", several, WIDE),
    ]
    best = ("two dense layers, four layers", several, WIDE)
    rows += [Variant(f"{best[0]}, {size:,} samples", *best[1:], size) for size in (1000, 3000)]
    rows.append(
        Variant(f"{best[0]}, no context in training", *best[1:], situations=frozenset({"alone"}))
    )
    for source in ("clinc150", "sgd", "mrda", "wikipedia", "composed"):
        rows.append(Variant(f"{best[0]}, without {source}", *best[1:], without_source=source))
    return rows


@dataclass(slots=True)
class Bench:
    """Samples and their features at every layer that any variant reads."""

    layers: tuple[int, ...]
    hidden_size: int
    samples: dict[str, Sequence[Sample]]
    features: dict[str, Tensor]

    def columns(self, name: str, layers: Sequence[int]) -> Tensor:
        """The features of some of the layers, float32."""
        wanted = [
            torch.arange(self.hidden_size) + self.layers.index(layer) * self.hidden_size
            for layer in layers
        ]
        return self.features[name][:, torch.cat(wanted)]


def measure(bench: Bench, variant: Variant) -> str:
    """Fit a variant and give its row of the table.

    Recall is that of the likeliest label, so that no choice of thresholds hides a difference. For
    a variant that leaves a source out, it is measured on the validation rows of that source.
    """
    kept = [i for i, sample in enumerate(bench.samples["train"]) if variant.keeps(sample)]
    kept = kept[: variant.max_samples]
    start = time.perf_counter()
    labels = {name: label_columns(samples, ORDER) for name, samples in bench.samples.items()}
    val = bench.columns("val", variant.layers)
    train = (bench.columns("train", variant.layers)[kept], labels["train"][kept])
    fitted = fit_head(train, (val, labels["val"]), len(ORDER), variant.fit)
    card = AdapterCard(bench.hidden_size, ORDER, {}, variant.layers)
    logits = StateHead(card, fitted.dense).logits(val)
    head = StateHead(card, cooled(fitted.dense, best_temperature(logits, labels["val"])))
    seconds = time.perf_counter() - start
    judged = [
        (sample, row)
        for sample, row in zip(bench.samples["val"], head.probabilities(val), strict=True)
        if not variant.without_source or sample.source == variant.without_source
    ]
    rows = torch.stack([row for _, row in judged])
    samples = [sample for sample, _ in judged]
    chosen = [ORDER[index] for index in rows.argmax(1).tolist()]
    figures = Judged(samples, rows, ORDER, tuple(chosen))
    streamed = head.probabilities(bench.columns("streaming", variant.layers)).argmax(1)
    cells = [f"{figures.recall(state):.3f}" if _has(samples, state) else "–" for state in ORDER]
    cells.append(f"{calibration_error(rows, label_columns(samples, ORDER)):.3f}")
    cells.append(f"{(streamed == ORDER.index(State.QUERY)).float().mean():.3f}")
    return f"| {variant.name} | {len(kept):,} | {' | '.join(cells)} | {seconds:.0f} s |"


def _has(samples: Sequence[Sample], state: State) -> bool:
    return any(sample.label is state for sample in samples)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=None)
    parser.add_argument("--model", default="bundled")
    arguments = parser.parse_args()
    loaded = load_model(arguments.model, attention="sdpa")
    table = variants(loaded.geometry.num_layers)
    layers = tuple(sorted({layer for variant in table for layer in variant.layers}))
    store = FeatureStore(loaded, layers, arguments.cache)
    splits = read_data_set(arguments.data)
    queries = [sample for sample in splits["val"] if sample.label is State.QUERY]
    samples: dict[str, Sequence[Sample]] = {
        "train": splits["train"],
        "val": splits["val"],
        "streaming": word_beginnings(queries[:NUM_STREAMED_QUERIES]),
    }
    features = {name: store.features(rows) for name, rows in samples.items()}
    bench = Bench(layers, loaded.geometry.hidden_size, samples, features)
    print("| variant | samples | " + " | ".join(ORDER) + " | calibration | premature | fit |")
    print("|---|---|" + "---|" * (len(ORDER) + 3))
    for variant in table:
        print(measure(bench, variant), flush=True)


if __name__ == "__main__":
    main()
