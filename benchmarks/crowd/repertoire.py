"""What people talk about: the scenarios that come with Duologue, or the user's own texts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

from duologue.errors import InvalidInput
from duologue.evaluation.duplex.reading import SHIPPED, read_scenarios
from duologue.evaluation.duplex.scenario import Line, Scenario

WORDS_PER_MINUTE = (140, 200)
"""How fast people speak: each at a rate of their own between these."""


class Repertoire:
    """Draws one topic after another, by the caller's random numbers."""

    def __init__(self, scenarios: Sequence[Scenario]) -> None:
        self._scenarios = tuple(scenarios)

    @classmethod
    def read(cls, scenarios: Path | None = None, texts: Path | None = None) -> "Repertoire":
        """Scenarios from YAML, and queries from a file with one a line; without either, ours.

        Raises InvalidInput for files that cannot be used.
        """
        found: list[Scenario] = []
        if scenarios is not None or texts is None:
            read = read_scenarios(scenarios or SHIPPED)
            # A crowd sends words as they are spoken, one segment a line, and plays nothing.
            found += [scenario for scenario in read if scenario.is_plain]
        if texts is not None:
            found += _queries(texts)
        return cls(found)

    def topic(self, random: Random, words_per_minute: int) -> Scenario:
        """The next thing to talk about, at this rate of speaking."""
        chosen = random.choice(self._scenarios)
        lines = tuple(replace(line, words_per_minute=words_per_minute) for line in chosen.lines)
        return replace(chosen, lines=lines)


def _queries(path: Path) -> list[Scenario]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
    texts = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not texts:
        raise InvalidInput(f"{path} has no lines with text")
    return [Scenario(f"text-{number}", (Line(text),)) for number, text in enumerate(texts, 1)]
