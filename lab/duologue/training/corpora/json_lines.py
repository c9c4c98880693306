"""JSON Lines of every kind that is known, told apart by their fields.

A corpus is named after its file, up to the first dot. Telephone numbers and addresses that a
corpus has masked (`<phone>`) are filled in; what lacks another piece (`<url>`) is left out.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from duologue.errors import InvalidInput
from duologue.training.corpora.records import (
    Corpora,
    MeetingLine,
    Query,
    RepairedQuestion,
    ServiceTurn,
    TalkLine,
)
from duologue.training.corpora.schema_guided import reduced_dialogue
from duologue.training.sample import read_rows, read_samples

FILLED_IN = {"<phone>": "020 7946 0182", "<email>": "mail@example.org"}

Row = Mapping[str, Any]


def read_json_lines(path: Path, corpora: Corpora) -> None:
    """Add the file's rows to the corpora; raises `InvalidInput` naming what cannot be used."""
    rows = [row for _, row in read_rows(path)]
    if not rows:
        return
    fields = {name for row in rows[:100] for name in row}
    if "label" in fields and "labels" not in fields:
        corpora.rows.extend(read_samples(path))
        return
    reader = next((reader for field, reader in _READERS if field in fields), None)
    if reader is None:
        raise InvalidInput(f"{path.name}: rows with fields {', '.join(rows[0])} are unknown")
    try:
        reader([_filled(row) for row in rows], path.name.split(".")[0], corpora)
    except (KeyError, TypeError) as error:
        raise InvalidInput(f"{path.name}: a row lacks or misuses {error}") from error


def _filled(row: Row) -> Row:
    return {name: _filled_text(value) for name, value in row.items()}


def _filled_text(value: Any) -> Any:
    if isinstance(value, str):
        for mark, text in FILLED_IN.items():
            value = value.replace(mark, text)
    return value


def _dialogues(rows: Sequence[Row], source: str, corpora: Corpora) -> None:
    corpora.dialogues.extend(
        reduced_dialogue({**row, "turns": [_filled(turn) for turn in row["turns"]]}) for row in rows
    )


def _meetings(rows: Sequence[Row], source: str, corpora: Corpora) -> None:
    corpora.meetings.extend(
        MeetingLine(row["speaker"], row["text"], row["basic"], row["general"], row["full"])
        for row in rows
    )


def _service_turns(rows: Sequence[Row], source: str, corpora: Corpora) -> None:
    corpora.service_turns.extend(
        ServiceTurn(
            row["text"],
            requested=frozenset(row.get("requested_slots", ())),
            intents=frozenset(row.get("intents", ())),
            slots=frozenset(row.get("slots", ())) | {one["slot"] for one in row.get("labels", ())},
            source=source,
        )
        for row in rows
        if _is_whole(row["text"])
    )


def _talk(rows: Sequence[Row], source: str, corpora: Corpora) -> None:
    corpora.talk.extend(
        TalkLine(row["conversation"], row["speaker"], row["text"], row.get("addressee", ""), source)
        for row in rows
    )


def _repaired(rows: Sequence[Row], source: str, corpora: Corpora) -> None:
    corpora.repaired.extend(
        RepairedQuestion(row["original"], row["disfluent"], source) for row in rows
    )


def _commands(rows: Sequence[Row], source: str, corpora: Corpora) -> None:
    corpora.queries.extend(
        Query(row["text"], f"{row.get('scenario', '')}_{row.get('action', '')}", source)
        for row in rows
        if _is_whole(row["text"])
    )


def _queries(rows: Sequence[Row], source: str, corpora: Corpora) -> None:
    corpora.queries.extend(
        Query(row["text"], row["intent"], source) for row in rows if _is_whole(row["text"])
    )


def _sentences(rows: Sequence[Row], source: str, corpora: Corpora) -> None:
    corpora.sentences.extend(row["text"] for row in rows)


def _is_whole(text: str) -> bool:
    return "<" not in text


_READERS: tuple[tuple[str, Callable[[Sequence[Row], str, Corpora], None]], ...] = (
    ("turns", _dialogues),
    ("basic", _meetings),
    ("requested_slots", _service_turns),
    ("intents", _service_turns),
    ("conversation", _talk),
    ("disfluent", _repaired),
    ("scenario", _commands),
    ("intent", _queries),
    ("text", _sentences),
)
"""What a field says about the rows that have it, the first that is found."""
