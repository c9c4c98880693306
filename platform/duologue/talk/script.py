"""Scripts: what a user says, and when, in a small YAML format.

    title: A short tour
    lines:
      - say: What is the capital of France?
        note: a query, typed word by word
      - say: uh-huh
        after: reply_start
        delay_ms: 900

Each line waits for `after` (`previous`: the end of the line before; `reply_start`, `reply_end`:
of a reply to that line or a later one), then for `delay_ms`, and is then typed word by word.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from duologue.errors import InvalidInput

DEFAULT_WORD_MS = 250
MAX_WAIT_MS = 60_000.0
"""A line whose cue does not come is said anyway after this time."""


class After(StrEnum):
    """What a line waits for."""

    PREVIOUS = "previous"
    REPLY_START = "reply_start"
    REPLY_END = "reply_end"


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """Something that the user says."""

    say: str
    after: After = After.PREVIOUS
    delay_ms: int = 0
    word_ms: int = DEFAULT_WORD_MS
    """From one word to the next."""
    note: str = ""

    def __post_init__(self) -> None:
        if not self.say.strip():
            raise InvalidInput("a line must say something")
        if self.delay_ms < 0 or self.word_ms < 0:
            raise InvalidInput("delay_ms and word_ms must be 0 or more")

    @property
    def words(self) -> Iterator[str]:
        """The pieces that are typed; together they are the text."""
        for number, word in enumerate(self.say.split()):
            yield word if number == 0 else " " + word


@dataclass(frozen=True, slots=True)
class Script:
    """Lines of one conversation, in their order."""

    title: str
    lines: tuple[ScriptLine, ...]

    @classmethod
    def load(cls, path: Path) -> "Script":
        """Read a script; raises InvalidInput, naming the file and the line."""
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise InvalidInput(f"there is no script {path}") from error
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InvalidInput(f"{path} cannot be read as YAML: {error}") from error
        if not isinstance(content, Mapping) or not isinstance(content.get("lines"), list):
            raise InvalidInput(f"{path} must have a title and a list of lines")
        lines = tuple(
            _line(entry, f"{path}, line {number}")
            for number, entry in enumerate(content["lines"], start=1)
        )
        if not lines:
            raise InvalidInput(f"{path} has no lines")
        return cls(title=str(content.get("title", path.stem)), lines=lines)


def _line(entry: Any, place: str) -> ScriptLine:
    allowed = {field.name for field in fields(ScriptLine)}
    if not isinstance(entry, Mapping) or not set(entry) <= allowed:
        raise InvalidInput(f"{place}: allowed are {', '.join(sorted(allowed))}")
    try:
        return ScriptLine(**{**entry, "after": After(entry.get("after", After.PREVIOUS))})
    except (InvalidInput, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(f"{place}: {error}") from error
