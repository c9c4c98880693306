"""Finding what a folder of corpora holds: published formats, reduced JSON Lines, own rows.

Splits are told by names: a file or folder whose name has `val` or `dev` is for validation, `test`
is passed over, everything else trains. What has no validation part of its own gives up one item
in ten, chosen by a hash of its text, so that the choice is the same on every machine.
"""

from collections.abc import Callable, Iterable
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from duologue.errors import InvalidInput
from duologue.training.corpora import clinc150
from duologue.training.corpora.clinc150 import read_clinc150
from duologue.training.corpora.json_lines import read_json_lines
from duologue.training.corpora.mrda import looks_like_mrda, read_mrda
from duologue.training.corpora.records import Corpora, Split
from duologue.training.corpora.schema_guided import read_schema_guided
from duologue.training.sample import Sample

VALIDATION_SHARE = 0.1
Item = TypeVar("Item")


def read_folder(folder: Path) -> dict[Split, Corpora]:
    """Both splits of everything below the folder that is in a known format.

    Raises `InvalidInput` when a file of a known name is malformed or when nothing is known.
    """
    if not folder.is_dir():
        raise InvalidInput(f"source: {folder.name!r} is not a folder")
    found: dict[Split, Corpora] = {"train": Corpora(), "val": Corpora()}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        _read_file(path, folder, found)
    _split_off_validation(found)
    if not any(chain.from_iterable(corpora.counts.values() for corpora in found.values())):
        raise InvalidInput(
            f"source: {folder.name!r} holds no corpus in a known format (CLINC150 data_full.json, "
            "Schema-Guided dialogues_*.json, MRDA meeting .txt files, or .jsonl rows)"
        )
    return found


def is_held_out(text: str, share: float = VALIDATION_SHARE) -> bool:
    """Whether a text belongs to validation, the same answer everywhere and always."""
    digest = blake2b(text.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") < share * 2**32


def _read_file(path: Path, folder: Path, found: dict[Split, Corpora]) -> None:
    if path.name in clinc150.PUBLISHED_NAMES:
        if path.name != "data_full.json" and (path.parent / "data_full.json").exists():
            return  # the variants repeat the full file's queries
        for part in found:
            found[part].queries.extend(read_clinc150(path, part))
        return
    split = _split_of(path.relative_to(folder))
    if split is None:
        return
    if path.name.startswith("dialogues_") and path.suffix == ".json":
        found[split].dialogues.extend(read_schema_guided(path))
    elif path.suffix == ".txt" and looks_like_mrda(path):
        found[split].meetings.extend(read_mrda(path))
    elif path.suffix == ".jsonl":
        read_json_lines(path, found[split])


def _split_of(path: Path) -> Split | None:
    """The split that a name stands for; None for test parts, which nothing here may read."""
    words = {word for part in path.parts for word in part.lower().replace("-", ".").split(".")}
    words |= {word for part in words for word in part.split("_")}
    if "test" in words:
        return None
    return "val" if words & {"val", "valid", "validation", "dev"} else "train"


def _split_off_validation(found: dict[Split, Corpora]) -> None:
    """Let each corpus that has no validation part give up a share of its training part."""
    _part(found, "queries", lambda query: query.text, lambda query: query.source)
    _part(found, "dialogues", lambda turns: turns[0].text)
    _part(found, "sentences", str)
    _part(found, "rows", _row_key)
    _part(found, "meetings", lambda line: line.text)
    _part(found, "service_turns", lambda turn: turn.text, lambda turn: turn.source)
    _part(found, "talk", lambda line: line.conversation, lambda line: line.source)
    _part(found, "repaired", lambda question: question.original, lambda question: question.source)


def _part(
    found: dict[Split, Corpora],
    kind: str,
    key: Callable[[Any], str],
    corpus: Callable[[Any], str] = lambda item: "",
) -> None:
    train, val = getattr(found["train"], kind), getattr(found["val"], kind)
    has_its_own = {corpus(item) for item in val}
    kept, held_out = _parted(train, lambda item: corpus(item) not in has_its_own, key)
    setattr(found["train"], kind, kept)
    setattr(found["val"], kind, [*val, *held_out])


def _row_key(sample: Sample) -> str:
    return sample.context[0].text if sample.context else sample.text


def _parted(
    items: Iterable[Item], may_go: Callable[[Item], bool], key: Callable[[Item], str]
) -> tuple[list[Item], list[Item]]:
    kept: list[Item] = []
    held_out: list[Item] = []
    for item in items:
        (held_out if may_go(item) and is_held_out(key(item)) else kept).append(item)
    return kept, held_out
