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
from duologue.training.corpora.mrda import looks_like_mrda, read_mrda
from duologue.training.corpora.records import Corpora, MeetingLine, Query, Split
from duologue.training.corpora.schema_guided import read_schema_guided, reduced_dialogue
from duologue.training.sample import Sample, read_rows, read_samples

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
        _read_json_lines(path, found[split])


def _split_of(path: Path) -> Split | None:
    """The split that a name stands for; None for test parts, which nothing here may read."""
    words = {word for part in path.parts for word in part.lower().replace("-", ".").split(".")}
    words |= {word for part in words for word in part.split("_")}
    if "test" in words:
        return None
    return "val" if words & {"val", "valid", "validation", "dev"} else "train"


def _read_json_lines(path: Path, corpora: Corpora) -> None:
    rows = list(read_rows(path))
    if not rows:
        return
    fields = rows[0][1].keys()
    try:
        if "label" in fields:
            corpora.rows.extend(read_samples(path))
        elif "turns" in fields:
            corpora.dialogues.extend(reduced_dialogue(row) for _, row in rows)
        elif "basic" in fields:
            corpora.meetings.extend(_meeting_line(row) for _, row in rows)
        elif "intent" in fields:
            corpora.queries.extend(Query(row["text"], row["intent"]) for _, row in rows)
        elif "text" in fields:
            corpora.sentences.extend(row["text"] for _, row in rows)
        else:
            raise InvalidInput(f"{path.name}: rows with fields {', '.join(fields)} are unknown")
    except (KeyError, TypeError) as error:
        raise InvalidInput(f"{path.name}: a row lacks or misuses {error}") from error


def _meeting_line(row: dict[str, Any]) -> MeetingLine:
    return MeetingLine(row["speaker"], row["text"], row["basic"], row["general"], row["full"])


def _split_off_validation(found: dict[Split, Corpora]) -> None:
    """Let each kind that has no validation part give up a share of its training part."""
    train, val = found["train"], found["val"]
    if train.queries and not val.queries:
        train.queries, val.queries = _parted(train.queries, lambda query: query.text)
    if train.dialogues and not val.dialogues:
        train.dialogues, val.dialogues = _parted(train.dialogues, lambda turns: turns[0].text)
    if train.sentences and not val.sentences:
        train.sentences, val.sentences = _parted(train.sentences, str)
    if train.rows and not val.rows:
        train.rows, val.rows = _parted(train.rows, _row_key)
    if train.meetings and not val.meetings:
        train.meetings, val.meetings = _parted(train.meetings, lambda line: line.text)


def _row_key(sample: Sample) -> str:
    return sample.context[0].text if sample.context else sample.text


def _parted(items: Iterable[Item], key: Callable[[Item], str]) -> tuple[list[Item], list[Item]]:
    kept: list[Item] = []
    held_out: list[Item] = []
    for item in items:
        (held_out if is_held_out(key(item)) else kept).append(item)
    return kept, held_out
