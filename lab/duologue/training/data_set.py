"""A data set on disk: both splits as JSON Lines, the data card and the pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

from duologue.errors import InvalidInput
from duologue.training.builder import BuildSettings, build_splits
from duologue.training.corpora.folder import read_folder
from duologue.training.corpora.records import Corpora, Split
from duologue.training.data_card import data_card
from duologue.training.distribution import distribution_svg
from duologue.training.sample import Sample, read_samples, write_samples

CARD = "README.md"


def build_data_set(
    sources: Sequence[Path], out: Path, settings: BuildSettings
) -> dict[Split, list[Sample]]:
    """Build both splits from the folders and write them with their card and pictures.

    Raises `InvalidInput` when a source cannot be used.
    """
    found = _merged([read_folder(source) for source in sources])
    splits, shortfalls = build_splits(found, settings)
    out.mkdir(parents=True, exist_ok=True)
    for split, samples in splits.items():
        write_samples(out / f"{split}.jsonl", samples)
        picture = distribution_svg(samples, f"{split}: {len(samples)} samples")
        (out / f"{split}.svg").write_text(picture, encoding="utf-8")
    command = (
        f"duologue data build --source … --size {settings.train_size} --val {settings.val_size} "
        f"--seed {settings.seed}"
    )
    if settings.real_share:
        command += f" --real-share {settings.real_share:g}"
    card = data_card(splits, settings, shortfalls, command)
    (out / CARD).write_text(card, encoding="utf-8")
    return splits


def read_data_set(folder: Path) -> dict[Split, list[Sample]]:
    """The splits of a folder that `build_data_set` wrote, or that holds the user's own rows."""
    splits: dict[Split, list[Sample]] = {}
    for split in ("train", "val"):
        path = folder / f"{split}.jsonl"
        if not path.is_file():
            raise InvalidInput(
                f"data: {folder.name!r} lacks {path.name}; `duologue data build` makes both files"
            )
        splits[split] = list(read_samples(path))
        if not splits[split]:
            raise InvalidInput(f"data: {path.name} is empty")
    return splits


def _merged(found: Sequence[Mapping[Split, Corpora]]) -> dict[Split, Corpora]:
    merged: dict[Split, Corpora] = {"train": Corpora(), "val": Corpora()}
    for source in found:
        for split, corpora in source.items():
            for kind in fields(Corpora):
                getattr(merged[split], kind.name).extend(getattr(corpora, kind.name))
    return merged
