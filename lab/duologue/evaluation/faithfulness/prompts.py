"""The prompts, and what is heard while they are answered."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from duologue.errors import InvalidInput

SHIPPED = Path(__file__).parent / "prompts.txt"

DISTURBANCES: Sequence[str] = (
    "uh-huh",
    "the match ended two to one after a late goal",
    "mm hm yeah",
    "the river rises in the hills and flows north for ninety miles",
    "right",
    "no I said the blue one is in the kitchen drawer",
    "oh wow okay",
    "traffic is moving slowly on the ring road this evening",
    "hm",
    "in the nineteenth century the harbour was enlarged twice",
    "yeah sure",
    "can you hear me now mum I am still on the bus",
)
"""Backchannels, talk from the background and talk meant for others: none of it is for us."""

NUM_PIECES = 3


def read_prompts(path: Path) -> list[str]:
    """The prompts of a file, one a line; blank lines and lines that begin with # are passed over.

    Raises InvalidInput when there are none.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"prompts: {path} cannot be read: {error}") from error
    prompts = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not prompts:
        raise InvalidInput(f"prompts: {path} has none; one is a line of text")
    return prompts


def in_pieces(text: str) -> list[str]:
    """A text in as many pieces as there are ticks to hear it; the first ones of a short one empty.

    Together they are the text.
    """
    words = text.split()
    ends = [round(len(words) * part / NUM_PIECES) for part in range(NUM_PIECES + 1)]
    if len(words) < NUM_PIECES:
        return [*[""] * (NUM_PIECES - 1), text]
    pieces = [" ".join(words[a:b]) for a, b in pairwise(ends)]
    return [pieces[0], *(f" {piece}" for piece in pieces[1:])]
