"""Comparing adapters: what they read and adapt, and how much and what data they see.

    python -m duologue.training.variants --data ./states --cache ./cache --judge ./unseen.jsonl

prints one row per variant, as a Markdown table. Hidden states are read once, for all variants;
epochs that were run before are taken from the cache. `--only WORD` keeps the variants whose name
holds the word.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from duologue.forward.state_head import StateHead
from duologue.model.loading import load_model
from duologue.states import State
from duologue.training.calibration import best_temperature, calibration_error
from duologue.training.data_set import read_data_set
from duologue.training.feature_store import FeatureStore
from duologue.training.figures import Judged
from duologue.training.head_fit import FitSettings, fit_head
from duologue.training.lora_fit import last_scores
from duologue.training.lora_settings import LoraSettings
from duologue.training.lora_trainer import LoraTrainer
from duologue.training.sample import Sample, read_samples
from duologue.training.supervision import complete_texts
from duologue.training.trainer import TrainSettings, bare_card, first_beginnings, label_columns

if TYPE_CHECKING:
    from duologue.model.loading import LoadedModel

ORDER = tuple(State)
WIDE = FitSettings.of_width(256)
BEST = "LoRA of rank 16, two dense layers over three"
SOURCES = ("clinc150", "sgd", "mrda", "wikipedia", "composed")


@dataclass(frozen=True, slots=True)
class Variant:
    """One row of the table: which layers, which head, which part of the training samples."""

    name: str
    settings: TrainSettings
    max_samples: int | None = None
    situations: frozenset[str] = frozenset()
    without_source: str = ""

    def keeps(self, sample: Sample) -> bool:
        """Whether this variant trains on the sample (its size limit apart)."""
        in_situation = not self.situations or sample.situation in self.situations
        return in_situation and (not self.without_source or sample.source != self.without_source)

    def chosen(self, samples: Sequence[Sample]) -> list[int]:
        """The places of the samples that it trains on."""
        return [i for i, sample in enumerate(samples) if self.keeps(sample)][: self.max_samples]


def variants(depth: int) -> list[Variant]:
    """The comparison, for a model of this many layers."""
    middle = round(depth * 0.6)
    several = (round(depth * 0.4), middle, round(depth * 0.8), -1)
    high = round(depth * 0.8) - 1
    linear = FitSettings()
    rows = [
        Variant("rows on the final state", TrainSettings((-1,), linear)),
        Variant("linear, middle layer", TrainSettings((middle,), linear)),
        Variant("linear, four layers", TrainSettings(several, linear)),
        Variant("two dense layers, final state", TrainSettings((-1,), WIDE)),
        Variant("two dense layers, middle layer", TrainSettings((middle,), WIDE)),
    ]
    frozen = ("two dense layers, four layers", TrainSettings(several, WIDE))
    for name, settings in (frozen, *_adapted(depth, high)):
        rows.append(Variant(name, settings))
        if name in (frozen[0], BEST):
            rows += [Variant(f"{name}, {size:,} samples", settings, size) for size in (1000, 3000)]
            alone = frozenset({"alone"})
            rows.append(Variant(f"{name}, no context in training", settings, situations=alone))
    best = rows[5]
    for source in SOURCES:
        rows.append(
            Variant(f"{best.name}, without {source}", best.settings, None, frozenset(), source)
        )
    return rows


def _adapted(depth: int, high: int) -> list[tuple[str, TrainSettings]]:
    """Forms of an adapted input channel, whose layers end at `high`."""
    count = min(LoraSettings().num_layers, high + 1)
    first = high - count + 1
    three = tuple(sorted({first + round(count * 0.15), first + round(count * 0.6), high}))

    def wide(**changes: Any) -> TrainSettings:
        return TrainSettings(
            three, lora=LoraSettings(num_layers=count, head_width=WIDE.hidden_width, **changes)
        )

    one = TrainSettings((high,), lora=LoraSettings(num_layers=count))
    return [
        ("LoRA of rank 8, linear", one),
        ("LoRA of rank 8, two dense layers over three", wide()),
        (BEST, wide(rank=16)),
        ("LoRA of rank 32, two dense layers over three", wide(rank=32)),
        (f"{BEST}, no trails", wide(rank=16, trail_weight=0.0)),
        (f"{BEST}, ends alone", wide(rank=16, within_weight=0.0)),
        (f"{BEST}, four epochs", wide(rank=16, max_epochs=4)),
    ]


@dataclass(slots=True)
class Bench:
    """The samples of every split, and the means to read them."""

    loaded: "LoadedModel"
    samples: Mapping[str, Sequence[Sample]]
    """`train`, `val`, `streaming` and, if an unseen file is given, `judge`."""
    cache: Path | None
    layers: tuple[int, ...]
    """All that any head reads."""
    _features: dict[str, Tensor] = field(default_factory=dict)

    @property
    def judged(self) -> list[str]:
        return [name for name in self.samples if name != "train"]

    def columns(self, name: str, layers: Sequence[int]) -> Tensor:
        """What a head over these layers reads of a split, float32 `[samples, width]`."""
        if name not in self._features:
            store = FeatureStore(self.loaded, self.layers, self.cache)
            self._features[name] = store.features(self.samples[name])
        size = self.loaded.geometry.hidden_size
        wanted = [torch.arange(size) + self.layers.index(layer) * size for layer in layers]
        return self._features[name][:, torch.cat(wanted)]

    def scores(self, variant: Variant) -> tuple[dict[str, Tensor], float]:
        """Train a variant; its scores of every other split, and the seconds that it took."""
        start = time.perf_counter()
        places = variant.chosen(self.samples["train"])
        adapts = variant.settings.lora is not None
        scores = (self._adapted if adapts else self._read)(variant.settings, places)
        return scores, time.perf_counter() - start

    def _read(self, settings: TrainSettings, places: Sequence[int]) -> dict[str, Tensor]:
        labels = {name: label_columns(samples, ORDER) for name, samples in self.samples.items()}
        train = (self.columns("train", settings.layers)[places], labels["train"][places])
        val = (self.columns("val", settings.layers), labels["val"])
        fitted = fit_head(train, val, len(ORDER), settings.fit)
        head = StateHead(bare_card(self.loaded, settings, ORDER), fitted.dense)
        return {name: head.logits(self.columns(name, settings.layers)) for name in self.judged}

    def _adapted(self, settings: TrainSettings, places: Sequence[int]) -> dict[str, Tensor]:
        trainer = LoraTrainer(self.loaded, settings, self.cache)
        chosen = [self.samples["train"][place] for place in places]
        known = complete_texts(self.samples["train"])
        books = {name: trainer.book(name, self.samples[name], known) for name in self.judged}
        _, learner, _ = trainer.fit(trainer.book("train", chosen, known), books["val"])
        network = self.loaded.network
        return {name: last_scores(learner, network, book) for name, book in books.items()}


def measure(bench: Bench, variant: Variant) -> str:
    """Train a variant and give its row of the table.

    Recall is that of the likeliest label, so that no choice of thresholds hides a difference. For
    a variant that leaves a source out, it is measured on the validation rows of that source.
    """
    scores, seconds = bench.scores(variant)
    val = bench.samples["val"]
    temperature = best_temperature(scores["val"], label_columns(val, ORDER))
    rows = {name: torch.softmax(split / temperature, dim=-1) for name, split in scores.items()}
    kept = [
        place
        for place, sample in enumerate(val)
        if not variant.without_source or sample.source == variant.without_source
    ]
    shown = [val[place] for place in kept]
    cells = _recalls(shown, rows["val"][kept])
    cells.append(f"{calibration_error(rows['val'][kept], label_columns(shown, ORDER)):.3f}")
    answered = rows["streaming"].argmax(1) == ORDER.index(State.QUERY)
    cells.append(f"{answered.float().mean():.3f}")
    if "judge" in rows:
        cells += _recalls(bench.samples["judge"], rows["judge"])
    num_samples = len(variant.chosen(bench.samples["train"]))
    return f"| {variant.name} | {num_samples:,} | {' | '.join(cells)} | {seconds:.0f} s |"


def _recalls(samples: Sequence[Sample], rows: Tensor) -> list[str]:
    chosen = tuple(ORDER[index] for index in rows.argmax(1).tolist())
    judged = Judged(samples, rows, ORDER, chosen)
    present = {sample.label for sample in samples}
    return [f"{judged.recall(state):.3f}" if state in present else "–" for state in ORDER]


def heading(*, has_judge: bool) -> str:
    """The first two lines of the table."""
    names = ["variant", "samples", *ORDER, "calibration", "premature"]
    names += [f"unseen {state}" for state in ORDER] if has_judge else []
    names.append("training")
    return "| " + " | ".join(names) + " |\n|" + "---|" * len(names)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=None)
    parser.add_argument("--judge", type=Path, default=None)
    parser.add_argument("--model", default="bundled")
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    loaded = load_model(arguments.model, attention="sdpa")
    table = [v for v in variants(loaded.geometry.num_layers) if arguments.only in v.name]
    heads = [variant.settings.layers for variant in table if variant.settings.lora is None]
    splits = read_data_set(arguments.data)
    samples: dict[str, Sequence[Sample]] = dict(splits.items())
    samples["streaming"] = first_beginnings(splits["val"])
    if arguments.judge is not None:
        samples["judge"] = list(read_samples(arguments.judge))
    layers = tuple(sorted({layer for read in heads for layer in read}))
    bench = Bench(loaded, samples, arguments.cache, layers)
    print(heading(has_judge=arguments.judge is not None))
    for variant in table:
        print(measure(bench, variant), flush=True)


if __name__ == "__main__":
    main()
