"""Training a state head: features, fit, temperature, thresholds, figures, adapter."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from duologue.forward.state_head import AdapterCard, StateHead
from duologue.states import State
from duologue.training.calibration import TriggerLimits, best_temperature, choose_thresholds
from duologue.training.corpora.records import Split
from duologue.training.feature_store import FeatureStore
from duologue.training.features import Advance
from duologue.training.figures import Judged, word_beginnings
from duologue.training.head_fit import FitSettings, Report, cooled, fit_head
from duologue.training.sample import Sample

if TYPE_CHECKING:
    from duologue.model.loading import LoadedModel

NUM_STREAMED_QUERIES = 200


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """What to read, how to fit it, and which false alarms to accept."""

    layers: tuple[int, ...] = (-1,)
    fit: FitSettings = field(default_factory=FitSettings)
    limits: TriggerLimits = field(default_factory=TriggerLimits)


@dataclass(frozen=True, slots=True)
class Watch:
    """Who hears how training goes: `rows(phase, total)` gives what to call per finished row."""

    rows: Callable[[str, int], Advance] = lambda phase, total: lambda done: None
    epoch: Report = lambda epoch, train_loss, val_loss: None


def train_head(
    store: FeatureStore,
    splits: Mapping[Split, Sequence[Sample]],
    settings: TrainSettings,
    watch: Watch | None = None,
) -> StateHead:
    """A head for the model of the store, with its figures on the validation split.

    The same model, samples and settings give the same head, up to float rounding.
    """
    watch = watch or Watch()
    order = tuple(State)
    features, labels = {}, {}
    for split in ("train", "val"):
        samples = splits[split]
        features[split] = store.features(samples, watch.rows(split, len(samples)))
        labels[split] = label_columns(samples, order)
    fitted = fit_head(
        (features["train"], labels["train"]),
        (features["val"], labels["val"]),
        len(order),
        settings.fit,
        watch.epoch,
    )
    head = StateHead(_bare_card(store.loaded, settings, order), fitted.dense)
    temperature = best_temperature(head.logits(features["val"]), labels["val"])
    head = StateHead(head.card, cooled(fitted.dense, temperature))
    probabilities = head.probabilities(features["val"])
    thresholds = choose_thresholds(probabilities, labels["val"], order, settings.limits)
    card = replace(
        head.card,
        thresholds=thresholds,
        training={
            "samples": len(splits["train"]),
            "epochs": fitted.best_epoch + 1,
            "temperature": round(temperature, 4),
            **asdict(settings),
        },
        metrics=_figures(head, store, splits["val"], probabilities, thresholds, watch),
    )
    return StateHead(card, cooled(fitted.dense, temperature))


def label_columns(samples: Sequence[Sample], order: Sequence[State]) -> Tensor:
    """Each sample's label as a column of the probabilities, `[samples]`."""
    return torch.tensor([order.index(sample.label) for sample in samples])


def _bare_card(
    loaded: "LoadedModel", settings: TrainSettings, order: tuple[State, ...]
) -> AdapterCard:
    return AdapterCard(
        hidden_size=loaded.geometry.hidden_size,
        labels=order,
        thresholds={},
        layers=settings.layers,
        model_name=loaded.name,
        model_fingerprint=loaded.fingerprint,
    )


def _figures(
    head: StateHead,
    store: FeatureStore,
    samples: Sequence[Sample],
    probabilities: Tensor,
    thresholds: Mapping[State, float],
    watch: Watch,
) -> dict[str, Any]:
    figures = Judged.of(samples, probabilities, head.labels, thresholds).to_json()
    queries = [sample for sample in samples if sample.label is State.QUERY]
    beginnings = word_beginnings(queries[:NUM_STREAMED_QUERIES])
    if beginnings:
        rows = store.features(beginnings, watch.rows("streaming", len(beginnings)))
        streamed = Judged.of(beginnings, head.probabilities(rows), head.labels, thresholds)
        figures["premature_trigger_share"] = round(streamed.trigger_share(), 4)
    return figures
