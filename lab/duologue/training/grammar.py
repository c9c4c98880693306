"""Phrase grammars: small text files from which varied utterances are drawn.

A line is one template. `{a|b|}` is a choice (the empty piece is allowed, choices nest), `<name>`
draws from a list, and a list is declared by `@name: item | item`, over several lines when the
name is repeated. Items may themselves hold choices and other lists. `#` begins a comment.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from duologue.errors import InvalidInput
from duologue.training.corpora.folder import is_held_out

MAX_DEPTH = 12
HELD_OUT_SHARE = 0.1

_INNERMOST_CHOICE = re.compile(r"\{([^{}]*)\}")
_LIST_NAME = re.compile(r"<([a-z_]+)>")


@dataclass(frozen=True, slots=True)
class Grammar:
    """Templates to draw from, and the lists that they name."""

    templates: tuple[str, ...]
    lists: Mapping[str, Sequence[str]]

    def draw(self, rng: Random) -> str:
        """One utterance; the same generator state gives the same one."""
        return self.expand(rng.choice(self.templates), rng)

    def expand(self, template: str, rng: Random) -> str:
        """Fill in one template."""
        text = template
        for _ in range(MAX_DEPTH):
            filled = _LIST_NAME.sub(lambda match: self._item(match[1], rng), text)
            filled = _INNERMOST_CHOICE.sub(lambda match: rng.choice(match[1].split("|")), filled)
            if filled == text:
                return _tidy(text)
            text = filled
        raise InvalidInput(f"phrase template {template!r} does not end")

    def part(self, *, held_out: bool) -> "Grammar":
        """The templates of one split: whole templates are held out, not single draws."""
        kept = [line for line in self.templates if is_held_out(line, HELD_OUT_SHARE) is held_out]
        return Grammar(tuple(kept) or self.templates, self.lists)

    def _item(self, name: str, rng: Random) -> str:
        if name not in self.lists:
            raise InvalidInput(f"phrase list <{name}> is not declared")
        return rng.choice(self.lists[name])


def read_grammar(path: Path, lists: Mapping[str, Sequence[str]] | None = None) -> Grammar:
    """A grammar file, with further lists from elsewhere (its own take precedence)."""
    return parse_grammar(path.read_text(encoding="utf-8").splitlines(), lists)


def parse_grammar(
    lines: Iterable[str], lists: Mapping[str, Sequence[str]] | None = None
) -> Grammar:
    """The grammar that these lines write down."""
    templates: list[str] = []
    declared: dict[str, list[str]] = {}
    for line in (line.strip() for line in lines):
        if not line or line.startswith("#"):
            continue
        if line.startswith("@"):
            name, _, items = line[1:].partition(":")
            declared.setdefault(name.strip(), []).extend(_split_items(items))
        else:
            templates.append(line)
    return Grammar(tuple(templates), {**(lists or {}), **declared})


def _split_items(text: str) -> list[str]:
    """Split at the bars outside of braces."""
    items, depth, start = [], 0, 0
    for place, character in enumerate(text):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "|" and depth == 0:
            items.append(text[start:place].strip())
            start = place + 1
    return [*items, text[start:].strip()]


def _tidy(text: str) -> str:
    """Single spaces, and none before punctuation."""
    return re.sub(r" +([,.?!])", r"\1", " ".join(text.split())).strip(" ,")
