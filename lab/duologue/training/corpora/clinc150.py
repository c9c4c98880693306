"""CLINC150: single queries to an assistant, by intent (`data_full.json` as published).

The file holds `{"train": [[text, intent], ...], "val": ..., "test": ..., "oos_train": ...}`.
"""

from collections.abc import Iterator
from json import loads
from pathlib import Path
from typing import Any

from duologue.errors import InvalidInput
from duologue.training.corpora.records import Query, Split

PUBLISHED_NAMES = (
    "data_full.json",
    "data_small.json",
    "data_imbalanced.json",
    "data_oos_plus.json",
)


def read_clinc150(path: Path, split: Split) -> Iterator[Query]:
    """The queries of a split, out-of-scope ones included; the test part is never read."""
    try:
        parts: dict[str, Any] = loads(path.read_text(encoding="utf-8"))
        for part in (split, f"oos_{split}"):
            for text, intent in parts.get(part, []):
                yield Query(str(text), str(intent))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{path.name} is not CLINC150's published format: {error}") from error
