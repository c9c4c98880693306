"""Schema-Guided Dialogue: task dialogues with dialogue acts (`dialogues_*.json` as published).

A file is a list of dialogues whose turns have `speaker` (USER or SYSTEM), `utterance` and, per
service, `frames[].actions[].act`.
"""

from collections.abc import Iterator
from json import loads
from pathlib import Path
from typing import Any

from duologue.errors import InvalidInput
from duologue.training.corpora.records import DialogueTurn

Dialogue = tuple[DialogueTurn, ...]


def read_schema_guided(path: Path) -> Iterator[Dialogue]:
    """The dialogues of one published file."""
    try:
        for dialogue in loads(path.read_text(encoding="utf-8")):
            yield tuple(_published_turn(turn) for turn in dialogue["turns"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInput(
            f"{path.name} is not Schema-Guided Dialogue's published format: {error!r}"
        ) from error


def reduced_dialogue(row: dict[str, Any]) -> Dialogue:
    """A dialogue of the reduced JSON Lines: turns of `speaker`, `text` and `acts`."""
    return tuple(
        DialogueTurn(turn["speaker"] == "user", turn["text"], frozenset(turn["acts"]))
        for turn in row["turns"]
    )


def _published_turn(turn: dict[str, Any]) -> DialogueTurn:
    acts = frozenset(
        str(action["act"]) for frame in turn["frames"] for action in frame.get("actions", ())
    )
    return DialogueTurn(turn["speaker"] == "USER", str(turn["utterance"]), acts)
