"""The rows of a file of labelled utterances, checked strictly.

{"text": "what is the", "label": "incomplete", "category": "cut_after_word",
 "context": [{"role": "user", "text": "hi"}, {"role": "assistant", "text": "Hello!"}],
 "speaking": false}
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from duologue.errors import InvalidInput
from duologue.states import State
from duologue.training.sample import Sample, Turn, read_rows

_ROLES = ("user", "assistant")


@dataclass(frozen=True, slots=True)
class Row:
    """An utterance with its label, and the line that it stands in."""

    line: int
    sample: Sample

    @property
    def heard_context(self) -> tuple[Turn, ...]:
        """The turns that the input channel sees: a reply that is still being spoken is not seen.

        So when the assistant is speaking, an assistant's turn at the end is that reply.
        """
        context = self.sample.context
        if self.sample.speaking and context and context[-1].role == "assistant":
            return context[:-1]
        return context


def read_state_rows(path: Path) -> list[Row]:
    """All rows of a JSON Lines file.

    Raises InvalidInput naming the file, the line, the field and what is allowed.
    """
    rows = []
    for number, fields in read_rows(path):
        try:
            rows.append(Row(number, _sample(fields)))
        except InvalidInput as error:
            raise InvalidInput(f"{path.name}, line {number}: {error}") from error
    if not rows:
        raise InvalidInput(f"{path.name} has no rows; one is an object of text and label per line")
    return rows


def evenly_drawn(rows: Sequence[Row], limit: int, seed: int) -> list[Row]:
    """At most `limit` rows in their order, as many of each label as can be; 0 takes all."""
    if not 0 < limit < len(rows):
        return list(rows)
    random, groups = Random(seed), dict[State, list[Row]]()
    for row in rows:
        groups.setdefault(row.sample.label, []).append(row)
    for group in groups.values():
        random.shuffle(group)
    drawn: list[Row] = []
    while len(drawn) < limit:
        for group in groups.values():
            drawn += [group.pop()] if group and len(drawn) < limit else []
    return sorted(drawn, key=lambda row: row.line)


def _sample(fields: Mapping[str, Any]) -> Sample:
    text, label = fields.get("text"), fields.get("label")
    if not isinstance(text, str) or not text.strip():
        raise InvalidInput(f"must be a text that is not blank, not {text!r}", field="text")
    if label not in list(State):
        raise InvalidInput(f"must be one of {', '.join(State)}, not {label!r}", field="label")
    category, speaking = fields.get("category"), fields.get("speaking")
    if not isinstance(category, str | None):
        raise InvalidInput(f"must be a text, not {category!r}", field="category")
    if not isinstance(speaking, bool | None):
        raise InvalidInput(f"must be true or false, not {speaking!r}", field="speaking")
    return Sample(
        text=text,
        label=State(label),
        category=category or "",
        context=_context(fields.get("context")),
        speaking=bool(speaking),
    )


def _context(turns: Any) -> tuple[Turn, ...]:
    if turns is None:
        return ()
    if not isinstance(turns, list):
        raise InvalidInput(f"must be a list of {{role, text}}, not {turns!r}", field="context")
    return tuple(_turn(turn, f"context[{place}]") for place, turn in enumerate(turns))


def _turn(turn: Any, name: str) -> Turn:
    if not isinstance(turn, Mapping):
        raise InvalidInput(f"must be an object of role and text, not {turn!r}", field=name)
    role, text = turn.get("role"), turn.get("text")
    if role not in _ROLES:
        raise InvalidInput(
            f"must be one of {', '.join(_ROLES)}, not {role!r}", field=f"{name}.role"
        )
    if not isinstance(text, str):
        raise InvalidInput(f"must be a text, not {text!r}", field=f"{name}.text")
    return Turn(role, text)
