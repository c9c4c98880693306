"""MRDA: utterances of real meetings with dialogue act tags (one text file per meeting).

A line is `speaker|text|basic|general|full`; the text itself never holds the separator.
"""

from collections.abc import Iterator
from pathlib import Path

from duologue.errors import InvalidInput
from duologue.training.corpora.records import MeetingLine

NUM_FIELDS = 5


def read_mrda(path: Path) -> Iterator[MeetingLine]:
    """The lines of one meeting, in order; raises `InvalidInput` at the first malformed one."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path.name} cannot be read: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        fields = line.split("|")
        if len(fields) != NUM_FIELDS:
            raise InvalidInput(
                f"{path.name}, line {number}: {len(fields)} fields, MRDA has speaker|text|basic|"
                "general|full"
            )
        yield MeetingLine(*(field.strip() for field in fields))


def looks_like_mrda(path: Path) -> bool:
    """Whether the first line has the fields of a meeting file."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline().count("|") == NUM_FIELDS - 1
