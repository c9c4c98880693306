"""What an utterance teaches, row by row: not only its end has something to say.

The row of its end carries the sample's label. Behind every earlier word of a query the utterance
was unfinished: that is an example for free, in the very forward that reads the end. The doubtful
beginnings, which could pass for whole queries, teach nothing.

Behind the end often follows a *trail*, which changes nothing about it: dots, the last word once
more. Its last row carries the label too.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from enum import Enum
from random import Random

import torch
from torch import Tensor

from duologue.states import State
from duologue.text.normal_form import normal_form
from duologue.text.tokenizer import Tokenizer
from duologue.training.cuts import cut_at, word_ends
from duologue.training.layout import Layout
from duologue.training.quotas import BOUND_TO_CONTEXT, MAY_END_EARLY
from duologue.training.sample import Sample, normalised

WITHIN: dict[State, frozenset[State]] = {
    State.QUERY: frozenset({State.INCOMPLETE}),
    State.INCOMPLETE: frozenset({State.INCOMPLETE}),
    State.NON_QUERY: frozenset({State.INCOMPLETE, State.NON_QUERY}),
    State.HOLD: frozenset({State.INCOMPLETE, State.HOLD}),
}
"""What the beginning of an utterance may be called, by the label of the whole."""


TRAILS = ("...", " ...", " -")
NO_TRAIL_SHARE = 0.4
DOUBLED_WORD_SHARE = 0.3


class Place(Enum):
    """Where in an utterance a lesson stands."""

    WITHIN = "within"
    END = "end"
    TRAIL = "trail"


@dataclass(frozen=True, slots=True)
class Lesson:
    """One row that teaches: any of the allowed states is right there."""

    row: int
    allowed: frozenset[State]
    place: Place


@dataclass(frozen=True, slots=True)
class TaughtUtterance:
    """A trunk, the tokens of the input channel behind it, and the rows that teach."""

    trunk: tuple[int, ...]
    tokens: tuple[int, ...]
    lessons: tuple[Lesson, ...]


def complete_texts(samples: Sequence[Sample]) -> frozenset[str]:
    """What is known to be whole by itself, whatever its label, without case and punctuation."""
    return frozenset(
        normalised(sample.text)
        for sample in samples
        if sample.label is not State.INCOMPLETE and sample.category not in BOUND_TO_CONTEXT
    )


def taught(
    layout: Layout, sample: Sample, system_prompt: str, known: Set[str], trail: str = ""
) -> TaughtUtterance:
    """The sample with all its lessons, in the order of their rows.

    A trail whose tokens would melt into the sample's own is left out.
    """
    text, tokens = normal_form(sample.text), tuple(layout.utterance(sample))
    header = len(layout.chat.user_header)
    right = frozenset({sample.label})
    lessons = [
        Lesson(header + count - 1, WITHIN[sample.label], Place.WITHIN)
        for count in _earlier_ends(layout.tokenizer, sample, text, tokens[header:], known)
    ]
    lessons.append(Lesson(len(tokens) - 1, right, Place.END))
    trailed = (*tokens[:header], *layout.tokenizer.encode(text + trail))
    if len(trailed) > len(tokens) and trailed[: len(tokens)] == tokens:
        tokens = trailed
        lessons.append(Lesson(len(tokens) - 1, right, Place.TRAIL))
    return TaughtUtterance(tuple(layout.trunk(sample, system_prompt)), tokens, tuple(lessons))


def trail_of(sample: Sample) -> str:
    """What this sample is trailed by, the same at each call; nothing for some."""
    rng = Random(f"trail {sample.text}")
    drawn = rng.random()
    if drawn < NO_TRAIL_SHARE:
        return ""
    words = sample.text.split()
    if drawn < NO_TRAIL_SHARE + DOUBLED_WORD_SHARE and words[-1][-1].isalnum():
        return f" {words[-1]}"
    return rng.choice([trail for trail in TRAILS if _fits(sample.text, trail)])


def _fits(text: str, trail: str) -> bool:
    """Whether anybody would write it so: no comma or dots behind a mark."""
    return text[-1].isalnum() or trail[0] == " "


def _earlier_ends(
    tokenizer: Tokenizer, sample: Sample, text: str, tokens: Sequence[int], known: Set[str]
) -> list[int]:
    """How many tokens the unfinished beginnings have that end behind a word.

    Only those whose tokens are also the first of the whole: a row stands for what came before it.
    """
    counts = []
    for place in word_ends(text):
        if not is_unfinished_at(sample, text, place, known):
            continue
        beginning = tokenizer.encode(text[:place])
        if list(tokens[: len(beginning)]) == beginning and len(beginning) < len(tokens):
            counts.append(len(beginning))
    return counts


def is_unfinished_at(sample: Sample, text: str, place: int, known: Set[str]) -> bool:
    """Whether a query, written so, has surely not ended there: it neither is nor could be whole."""
    cut = cut_at(text, place, known, may_end_early=sample.category in MAY_END_EARLY)
    return cut is not None and not cut.is_doubtful


def allowed_columns(lessons: Sequence[Lesson], order: Sequence[State]) -> Tensor:
    """Bool `[lessons, labels]`: which columns of the probabilities are right."""
    return torch.tensor([[state in lesson.allowed for state in order] for lesson in lessons])
