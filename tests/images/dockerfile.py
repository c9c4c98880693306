"""Dockerfiles as values: instructions, stages, and what a .dockerignore leaves of a folder."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "helm" / "images"
DOCKERFILES = sorted(IMAGES.glob("*.Dockerfile"))


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, its lines joined."""

    keyword: str
    value: str

    @property
    def words(self) -> list[str]:
        """As a shell would split them."""
        return shlex.split(self.value)

    @property
    def command(self) -> list[str] | None:
        """Of the exec form; None for a command line that a shell would have to read."""
        text = self.value.partition("CMD ")[2] if self.keyword == "HEALTHCHECK" else self.value
        try:
            found = json.loads(text)
        except ValueError:
            return None
        return [str(word) for word in found] if isinstance(found, list) else None


@dataclass(frozen=True, slots=True)
class Stage:
    """From one FROM to the next."""

    base: str
    """What it starts from: an image, or an earlier stage by its name."""
    name: str
    """Empty if it has none."""
    instructions: tuple[Instruction, ...]

    def all(self, keyword: str) -> list[Instruction]:
        return [each for each in self.instructions if each.keyword == keyword]

    def one(self, keyword: str) -> Instruction:
        (found,) = self.all(keyword)
        return found

    @property
    def environment(self) -> dict[str, str]:
        """What ENV sets, as it is written."""
        pairs = [word.partition("=") for each in self.all("ENV") for word in each.words]
        return {name: value for name, _, value in pairs}


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A whole file."""

    arguments: dict[str, str]
    """Those before the first stage."""
    stages: tuple[Stage, ...]

    @classmethod
    def parse(cls, text: str) -> "Dockerfile":
        arguments: dict[str, str] = {}
        stages: list[Stage] = []
        for each in _instructions(text):
            if each.keyword == "FROM":
                base, _, name = each.value.partition(" AS ")
                stages.append(Stage(base, name, ()))
            elif stages:
                last = stages.pop()
                stages.append(replace(last, instructions=(*last.instructions, each)))
            else:
                assert each.keyword == "ARG", each
                name, _, value = each.value.partition("=")
                arguments[name] = value
        return cls(arguments, tuple(stages))

    @property
    def image(self) -> Stage:
        """The stage that is the image, unless another one is asked for."""
        return self.stages[-1]

    def stage(self, name: str) -> Stage:
        (found,) = (stage for stage in self.stages if stage.name == name)
        return found

    def base_of(self, stage: Stage) -> str:
        """The base's name, with the arguments' defaults in place."""
        return re.sub(r"\$\{(\w+)\}", lambda found: self.arguments[found[1]], stage.base)


def _instructions(text: str) -> Iterator[Instruction]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if line.strip():
            keyword, _, value = line.strip().partition(" ")
            yield Instruction(keyword, " ".join(value.split()))


@dataclass(frozen=True, slots=True)
class Ignored:
    """A .dockerignore: of the patterns that match, the last one decides."""

    patterns: tuple[str, ...]

    @classmethod
    def read(cls, file: Path) -> "Ignored":
        lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
        return cls(tuple(line for line in lines if line and not line.startswith("#")))

    def has(self, path: str) -> bool:
        """Whether the file is left out; a pattern for a folder holds for all in it."""
        parts = path.split("/")
        places = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
        is_ignored = False
        for pattern in self.patterns:
            expression = _expression(pattern.removeprefix("!"))
            if any(expression.fullmatch(place) for place in places):
                is_ignored = not pattern.startswith("!")
        return is_ignored


def _expression(pattern: str) -> re.Pattern[str]:
    pieces = {"**/": r"(?:.*/)?", "*": r"[^/]*"}
    words = re.split(r"(\*\*/|\*|\[[^]]*\])", pattern)
    return re.compile(
        "".join(
            pieces.get(word, word if word.startswith("[") else re.escape(word)) for word in words
        )
    )
