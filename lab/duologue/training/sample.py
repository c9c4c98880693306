"""One training or validation sample: the text so far, what was said before, and its label.

Its JSON form is one row of the data files that `duologue data build` writes, that
`duologue train` and `duologue eval states` read, and that users bring as their own.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from json import dumps, loads
from pathlib import Path
from typing import Any, Literal, Self

import regex

from duologue.errors import InvalidInput
from duologue.states import State

Role = Literal["user", "assistant"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One finished turn of the dialogue before the utterance."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Sample:
    """An utterance in progress and the state that it is in.

    `context` holds the turns before it, oldest first. When `speaking`, the assistant is in the
    middle of its reply to the last user turn, and the reply itself is not part of the context:
    the input channel never sees it.
    """

    text: str
    label: State
    category: str = ""
    context: tuple[Turn, ...] = ()
    speaking: bool = False
    source: str = ""

    @property
    def situation(self) -> str:
        """`alone`, `after turns` or `while speaking`: which context variant this is."""
        if self.speaking:
            return "while speaking"
        return "after turns" if self.context else "alone"

    def to_json(self) -> dict[str, Any]:
        """The row for a JSON Lines file; empty fields are left out."""
        row: dict[str, Any] = {"text": self.text, "label": str(self.label)}
        if self.category:
            row["category"] = self.category
        if self.context:
            row["context"] = [{"role": turn.role, "text": turn.text} for turn in self.context]
        if self.speaking:
            row["speaking"] = True
        if self.source:
            row["source"] = self.source
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Self:
        """Read a row; raises `InvalidInput` naming the field that cannot be used."""
        text, label = row.get("text"), row.get("label")
        if not isinstance(text, str) or not text.strip():
            raise InvalidInput("text: a non-empty string is needed")
        if label not in list(State):
            raise InvalidInput(f"label: {label!r} is none of {', '.join(State)}")
        return cls(
            text=text,
            label=State(label),
            category=str(row.get("category", "")),
            context=tuple(_turn(turn) for turn in row.get("context", ())),
            speaking=bool(row.get("speaking", False)),
            source=str(row.get("source", "")),
        )


def _turn(fields: Any) -> Turn:
    if not isinstance(fields, Mapping) or not isinstance(fields.get("text"), str):
        raise InvalidInput(f"context: {fields!r} is no {{role, text}}")
    role = fields.get("role")
    if role == "user":
        return Turn("user", fields["text"])
    if role in ("assistant", "system"):  # task corpora call the assistant the system
        return Turn("assistant", fields["text"])
    raise InvalidInput(f"context: role {role!r} is neither user nor assistant")


def normalised(text: str) -> str:
    """The words alone: lower case, no punctuation, single spaces. Equal texts are duplicates."""
    kept = regex.sub(r"[^\p{L}\p{N}\p{M}' ]+", " ", text.casefold().replace("’", "'"))
    return " ".join(kept.split())


def word_set(text: str) -> frozenset[str]:
    """The words of a text that lists words."""
    return frozenset(text.split())


def read_samples(path: Path) -> Iterator[Sample]:
    """The rows of a JSON Lines file; raises `InvalidInput` naming file and line."""
    for number, row in read_rows(path):
        try:
            yield Sample.from_json(row)
        except InvalidInput as error:
            raise InvalidInput(f"{path.name}, line {number}: {error}") from error


def write_samples(path: Path, samples: Iterable[Sample]) -> None:
    """Write one row per sample, replacing the file."""
    with path.open("w", encoding="utf-8") as file:
        for sample in samples:
            file.write(dumps(sample.to_json(), ensure_ascii=False) + "\n")


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers and objects of a JSON Lines file; blank lines are passed over."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path.name} cannot be read: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = loads(line)
        except ValueError as error:
            raise InvalidInput(f"{path.name}, line {number}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise InvalidInput(f"{path.name}, line {number}: an object is needed")
        yield number, row
