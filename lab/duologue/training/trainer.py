"""Training a state head: features, fit, temperature, thresholds, figures, adapter."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from duologue.forward.state_head import AdapterCard, StateHead
from duologue.states import State
from duologue.training.calibration import (
    TriggerLimits,
    best_temperature,
    choose_thresholds,
    sure_above,
)
from duologue.training.corpora.records import Split
from duologue.training.cuts import word_ends
from duologue.training.feature_store import FeatureStore
from duologue.training.features import Advance
from duologue.training.figures import Judged, word_beginnings
from duologue.training.head_fit import FitSettings, Report, cooled, fit_head
from duologue.training.lora_settings import LoraSettings
from duologue.training.sample import Sample
from duologue.training.supervision import complete_texts, is_unfinished_at

if TYPE_CHECKING:
    from duologue.model.loading import LoadedModel

NUM_STREAMED_QUERIES = 600


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """What to read, how to fit it, and which false alarms to accept."""

    layers: tuple[int, ...] = (-1,)
    fit: FitSettings = field(default_factory=FitSettings)
    lora: LoraSettings | None = None
    """With it the input channel is adapted too, and `fit` is not used."""
    limits: TriggerLimits = field(default_factory=TriggerLimits)
    cleans: bool = False
    """Whether rows whose labels the others contradict are left out; with updates only."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Who hears how training goes: `rows(phase, total)` gives what to call per finished row.

    A phase is named as it is to be shown.
    """

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
        features[split] = store.features(
            samples, watch.rows(f"hidden states: {split}", len(samples))
        )
        labels[split] = label_columns(samples, order)
    fitted = fit_head(
        (features["train"], labels["train"]),
        (features["val"], labels["val"]),
        len(order),
        settings.fit,
        watch.epoch,
    )
    head = StateHead(bare_card(store.loaded, settings, order), fitted.dense)
    beginnings = first_beginnings(splits["val"])
    streamed = store.features(beginnings, watch.rows("hidden states: streaming", len(beginnings)))
    scores = Scores(head.logits(features["val"]), head.logits(streamed))
    return finished(head, scores, splits, fitted.best_epoch + 1, settings)


@dataclass(frozen=True, slots=True)
class Scores:
    """What a head that is not calibrated makes of the validation rows."""

    val: Tensor  # [samples, labels]
    beginnings: Tensor  # [beginnings, labels], of `first_beginnings`


def first_beginnings(samples: Sequence[Sample]) -> list[Sample]:
    """Beginnings of the first queries among these, word by word."""
    return word_beginnings(_first_queries(samples))


def _first_queries(samples: Sequence[Sample]) -> list[Sample]:
    return [sample for sample in samples if sample.label is State.QUERY][:NUM_STREAMED_QUERIES]


def cannot_be_whole(samples: Sequence[Sample], known: Set[str]) -> Tensor:
    """Which of `first_beginnings` cannot pass for whole queries, bool `[beginnings]`.

    They are those that training calls unfinished; `known` are texts that are whole.
    """
    unfinished = []
    for query in _first_queries(samples):
        text = " ".join(query.text.split())
        unfinished += [is_unfinished_at(query, text, place, known) for place in word_ends(text)]
    return torch.tensor(unfinished, dtype=torch.bool)


def turns_of_beginnings(samples: Sequence[Sample]) -> list[int]:
    """Which query each of `first_beginnings` is of."""
    queries = _first_queries(samples)
    return [turn for turn, query in enumerate(queries) for _ in word_beginnings([query])]


def finished(
    head: StateHead,
    scores: Scores,
    splits: Mapping[Split, Sequence[Sample]],
    num_epochs: int,
    settings: TrainSettings,
    before: Mapping[str, Any] | None = None,
) -> StateHead:
    """The head with its temperature, its thresholds and its figures on the validation split.

    `before` is the training of the one that learning went on from. With no epochs nothing was
    learned, and the samples are still those of the weights."""
    order, val = head.labels, splits["val"]
    labels = label_columns(val, order)
    temperature = best_temperature(scores.val, labels)
    probabilities = torch.softmax(scores.val / temperature, dim=-1)
    streamed = torch.softmax(scores.beginnings / temperature, dim=-1)
    unfinished = cannot_be_whole(val, complete_texts([*splits["train"], *val]))
    thresholds = choose_thresholds(
        probabilities,
        labels,
        order,
        settings.limits,
        *((streamed, unfinished) if len(streamed) else ()),
    )
    query = order.index(State.QUERY)
    sure = sure_above(streamed[:, query], turns_of_beginnings(val), settings.limits)
    card = replace(
        head.card,
        thresholds=thresholds,
        confirm_above=sure,
        training={
            "samples": len(splits["train"]) if num_epochs or before is None else before["samples"],
            "epochs": num_epochs,
            "temperature": round(temperature, 4),
            **asdict(settings),
            **({} if before is None else {"before": dict(before)}),
        },
        metrics={
            **_figures(val, probabilities, streamed, unfinished, order, thresholds),
            **_confirmed_figures(probabilities, labels, order, sure),
        },
    )
    return StateHead(card, cooled(head.dense, temperature), head.lora)


def label_columns(samples: Sequence[Sample], order: Sequence[State]) -> Tensor:
    """Each sample's label as a column of the probabilities, `[samples]`."""
    return torch.tensor([order.index(sample.label) for sample in samples])


def bare_card(
    loaded: "LoadedModel", settings: TrainSettings, order: tuple[State, ...]
) -> AdapterCard:
    """A card without thresholds and figures."""
    return AdapterCard(
        hidden_size=loaded.geometry.hidden_size,
        labels=order,
        thresholds={},
        layers=settings.layers,
        model_name=loaded.name,
        model_fingerprint=loaded.fingerprint,
        lora_rank=settings.lora.rank if settings.lora is not None else 0,
    )


def _confirmed_figures(
    probabilities: Tensor, labels: Tensor, order: Sequence[State], sure: float | None
) -> dict[str, Any]:
    """How many true ends of queries need not wait for a pause."""
    query = order.index(State.QUERY)
    ends = probabilities[labels == query, query]
    if sure is None or not len(ends):
        return {}
    return {"ends_sure_share": round(float((ends >= sure).float().mean()), 4)}


def _figures(
    samples: Sequence[Sample],
    probabilities: Tensor,
    streamed: Tensor,
    unfinished: Tensor,
    order: tuple[State, ...],
    thresholds: Mapping[State, float],
) -> dict[str, Any]:
    figures = Judged.of(samples, probabilities, order, thresholds).to_json()
    beginnings = first_beginnings(samples)
    if beginnings:
        judged = Judged.of(beginnings, streamed, order, thresholds)
        figures["premature_trigger_share"] = round(judged.trigger_share(), 4)
        answered = [state is State.QUERY for state in judged.decided]
        surely_early = torch.tensor(answered)[unfinished].float()
        if len(surely_early):
            figures["unfinished_trigger_share"] = round(float(surely_early.mean()), 4)
    return figures
