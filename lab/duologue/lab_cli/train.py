"""`duologue train`: teach a model to tell the states of an utterance."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from duologue.cli.options import (
    ConfigOption,
    DeviceOption,
    DtypeOption,
    JsonOption,
    ModelOption,
    SetOption,
    read_options,
)
from duologue.cli.terminal import messages, model_progress, output, print_json

if TYPE_CHECKING:
    from duologue.forward.state_head import StateHead
    from duologue.model.loading import LoadedModel
    from duologue.training.cleaning import Doubt
    from duologue.training.corpora.records import Split
    from duologue.training.sample import Sample
    from duologue.training.trainer import TrainSettings, Watch


def train(
    data: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder with train.jsonl and val.jsonl.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to write the adapter.")],
    layers: Annotated[
        str,
        typer.Option(
            metavar="I,J,…",
            help="Hidden states to read: -1 is the final one, 0 and up are decoder layers.",
        ),
    ] = "-1",
    hidden: Annotated[
        int, typer.Option(min=0, help="Width of a hidden layer; 0 for a linear head.")
    ] = 0,
    lora_rank: Annotated[
        int,
        typer.Option(
            min=0,
            help="Adapt the input channel too, by updates of this rank; 0 trains a head alone.",
        ),
    ] = 0,
    lora_layers: Annotated[
        int,
        typer.Option(min=1, help="How many layers to adapt, up to the highest that is read."),
    ] = 14,
    epochs: Annotated[
        int,
        typer.Option(
            min=0,
            help="With updates: how often the samples are gone through. With 0 an adapter that is "
            "named by [b]--from[/b] keeps its weights, and is calibrated by val.jsonl.",
        ),
    ] = 2,
    clean: Annotated[
        bool,
        typer.Option(
            "--clean",
            help="With updates: leave out rows whose labels the others contradict "
            "(dropped.jsonl, beside the adapter, has them).",
        ),
    ] = False,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="DIR",
            help="Go on from this adapter, in its shape and at half the rate, and end half-way "
            "between the two; the options of the shape are then not looked at.",
            show_default=False,
        ),
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="With updates: learn what this adapter, of the same shape, says of the samples, "
            "beside their labels; several times for the mean of several.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same head.")] = 0,
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep hidden states and epochs here, so that a run that was stopped goes on.",
            show_default=False,
        ),
    ] = None,
    source: ModelOption = None,
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a state head for a model from a data set, and write its adapter.

    The model itself stays as it is. With [b]--lora-rank[/b] the adapter also changes how the input
    channel is computed; replies stay those of the model. The adapter is two small files and a card;
    name its folder in the setting [b]model.adapter[/b] to use it.
    """
    settings = read_options(
        config, assignments, model__source=source, model__device=device, model__dtype=dtype
    ).settings
    from duologue.model.loading import load_model
    from duologue.training.data_set import read_data_set

    if not epochs:
        _check_calibration(start, clean, teacher or [])
    if start is None:
        wanted = _train_settings(layers, hidden, lora_rank, lora_layers, epochs, seed, clean)
    else:
        wanted = _going_on(start, epochs, seed, clean)
    splits = read_data_set(data)
    with model_progress() as progress:
        loaded = load_model(
            settings.model.source,
            device=settings.model.device,
            dtype=settings.model.dtype,
            attention="sdpa",
            progress=progress,
        )
    with _watching() as watch:
        head, doubted = _train(loaded, splits, wanted, cache, watch, start, teacher or [])
    shape = f"--hidden {hidden}"
    if lora_rank:
        shape += f" --lora-rank {lora_rank} --lora-layers {lora_layers} --epochs {epochs}"
    how = f"--layers {layers} {shape}" if start is None else f"--from … --epochs {epochs}"
    how += " --teacher …" * len(teacher or [])
    command = f"duologue train --data … {how}{' --clean' * clean}"
    _write(head, out, f"{command} --seed {seed} --out …", doubted, splits["train"])
    if as_json:
        print_json({"adapter": str(out), "card": head.card.to_json()})
        return
    _print_figures(head)
    output().print(f"adapter: {out}", soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "train",
        rich_help_panel="Teaching a model",
        epilog=(
            "[b]Examples[/b]\n\nduologue train --data ./states --out ./adapter\n\n"
            "duologue train --data ./states --model ./my-model --layers 12,20,-1 --hidden 128 "
            "--out ./my-adapter"
        ),
    )(train)


def _train_settings(
    layers: str,
    hidden: int,
    lora_rank: int,
    lora_layers: int,
    epochs: int,
    seed: int,
    clean: bool,
) -> "TrainSettings":
    from duologue.errors import InvalidSetting
    from duologue.training.head_fit import FitSettings
    from duologue.training.lora_settings import LoraSettings
    from duologue.training.trainer import TrainSettings

    if clean and not lora_rank:
        raise InvalidSetting("clean: it needs lora-rank, which must then be at least 1")
    lora = None
    if lora_rank:
        lora = LoraSettings(
            rank=lora_rank,
            num_layers=lora_layers,
            head_width=hidden,
            max_epochs=epochs,
            seed=seed,
        )
    try:
        numbers = tuple(int(layer) for layer in layers.split(","))
    except ValueError as error:
        raise InvalidSetting(f"layers: {layers!r} is no list of layer numbers") from error
    fit = FitSettings.of_width(hidden, seed)
    return TrainSettings(layers=numbers, fit=fit, lora=lora, cleans=clean)


def _check_calibration(start: Path | None, clean: bool, teachers: "Sequence[Path]") -> None:
    """Raise InvalidSetting for what cannot be calibrated, or makes no difference to it."""
    from duologue.errors import InvalidSetting

    if start is None:
        raise InvalidSetting("epochs: 0 calibrates an adapter anew, which from must name")
    if clean or teachers:
        raise InvalidSetting("epochs: with 0 nothing is learned, so neither clean nor teacher fits")


def _going_on(start: Path, epochs: int, seed: int, clean: bool) -> "TrainSettings":
    from duologue.forward.state_head import read_card
    from duologue.training.head_fit import FitSettings
    from duologue.training.lora_settings import LoraSettings
    from duologue.training.trainer import TrainSettings

    card = read_card(start)
    lora = LoraSettings.going_on(card.training, epochs, seed)
    fit = FitSettings.of_width(lora.head_width, seed)
    return TrainSettings(layers=card.layers, fit=fit, lora=lora, cleans=clean)


def _train(
    loaded: "LoadedModel",
    splits: "Mapping[Split, Sequence[Sample]]",
    wanted: "TrainSettings",
    cache: Path | None,
    watch: "Watch",
    start: Path | None,
    teachers: "Sequence[Path]",
) -> "tuple[StateHead, list[Doubt]]":
    """The adapter, and the rows that were left out of what it learned."""
    from duologue.errors import InvalidSetting
    from duologue.forward.state_head import StateHead
    from duologue.training.feature_store import FeatureStore
    from duologue.training.lora_trainer import LoraTrainer
    from duologue.training.trainer import train_head

    def head(folder: Path) -> StateHead:
        return StateHead.load(folder, geometry=loaded.geometry, fingerprint=loaded.fingerprint)

    if wanted.lora is not None:
        known = None if start is None else head(start)
        trainer = LoraTrainer(loaded, wanted, cache, watch, known, list(map(head, teachers)))
        return trainer.train(splits), trainer.doubted
    if teachers:
        raise InvalidSetting("teacher: it needs lora-rank, which must then be at least 1")
    return train_head(FeatureStore(loaded, wanted.layers, cache), splits, wanted, watch), []


@contextmanager
def _watching() -> "Iterator[Watch]":
    """A progress bar for each phase; epochs are told in the last bar's description."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from duologue.training.trainer import Watch

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=messages()) as bars:

        def rows(phase: str, total: int) -> "Callable[[int], None]":
            task = bars.add_task(phase, total=total)
            return lambda done: bars.advance(task, done)

        fit = bars.add_task("fit", total=None, visible=False)

        def epoch(number: int, train_loss: float, val_loss: float) -> None:
            text = f"fit: epoch {number + 1}, loss {train_loss:.3f}, validation {val_loss:.3f}"
            bars.update(fit, description=text, completed=number + 1, visible=True)

        yield Watch(rows, epoch)


def _write(
    head: "StateHead",
    out: Path,
    command: str,
    doubted: "Sequence[Doubt]",
    samples: "Sequence[Sample]",
) -> None:
    from duologue.training.adapter_card import ADAPTER_CARD, adapter_card
    from duologue.training.cleaning import doubts_note, write_doubts

    head.save(out)
    note = "The data set's own card says what it holds and where it comes from."
    if before := head.card.training.get("before"):
        note += f" {_told_of_before(head, before['samples'])}"
    if doubted:
        write_doubts(out / "dropped.jsonl", doubted, samples)
        note += " " + doubts_note(doubted, samples)
    (out / ADAPTER_CARD).write_text(adapter_card(head.card, command, note), encoding="utf-8")


def _told_of_before(head: "StateHead", num_samples: int) -> str:
    if not head.card.training["epochs"]:
        return f"Calibrated anew: the weights are those of an adapter of {num_samples} samples."
    return f"Learning went on from an adapter of {num_samples} other samples."


def _sure_ends(head: "StateHead") -> str:
    share = head.card.metrics.get("ends_sure_share", 0.0)
    return f"{share:.1%} of the ends of queries above {head.card.confirm_above}"


def _print_figures(head: "StateHead") -> None:
    from rich.table import Table

    table = Table("label", "recall", "precision", "threshold", box=None)
    figures = head.card.metrics
    for label in head.labels:
        if label in figures["recall"]:
            limit = head.thresholds.get(label)
            table.add_row(
                str(label),
                f"{figures['recall'][label]:.3f}",
                f"{figures['precision'][label]:.3f}",
                "" if limit is None else f"{limit:.2f}",
            )
    output().print(table)
    output().print(
        f"calibration error {figures['calibration_error']:.3f}, premature triggers "
        f"{figures.get('premature_trigger_share', 0):.1%} of words, {_sure_ends(head)}"
    )
