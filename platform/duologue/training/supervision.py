"""What an utterance teaches, row by row: not only its end has something to say.

The last row carries the sample's label. Behind every earlier word of a query the utterance was
unfinished: that is an example for free, in the very forward that reads the end. The doubtful
beginnings, which could pass for whole queries, teach nothing.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass

import torch
from torch import Tensor

from duologue.states import State
from duologue.text.tokenizer import Tokenizer
from duologue.training.cuts import cut_at, word_ends
from duologue.training.layout import Layout
from duologue.training.sample import Sample, normalised

WITHIN: dict[State, frozenset[State]] = {
    State.QUERY: frozenset({State.INCOMPLETE}),
    State.INCOMPLETE: frozenset({State.INCOMPLETE}),
    State.NON_QUERY: frozenset({State.INCOMPLETE, State.NON_QUERY}),
    State.HOLD: frozenset({State.INCOMPLETE, State.HOLD}),
}
"""What the beginning of an utterance may be called, by the label of the whole."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """One row that teaches: any of the allowed states is right there."""

    row: int
    allowed: frozenset[State]
    is_last: bool


@dataclass(frozen=True, slots=True)
class TaughtUtterance:
    """A trunk, the tokens of the input channel behind it, and the rows that teach."""

    trunk: tuple[int, ...]
    tokens: tuple[int, ...]
    lessons: tuple[Lesson, ...]


def complete_texts(samples: Sequence[Sample]) -> frozenset[str]:
    """What is known to be whole by itself, whatever its label, without case and punctuation."""
    return frozenset(normalised(s.text) for s in samples if s.label is not State.INCOMPLETE)


def taught(layout: Layout, sample: Sample, system_prompt: str, known: Set[str]) -> TaughtUtterance:
    """The sample with all its lessons, the last row's last."""
    tokens = tuple(layout.utterance(sample))
    header = len(layout.chat.user_header)
    earlier = [
        Lesson(header + count - 1, WITHIN[sample.label], is_last=False)
        for count in _earlier_ends(layout.tokenizer, sample.text, tokens[header:], known)
    ]
    last = Lesson(len(tokens) - 1, frozenset({sample.label}), is_last=True)
    return TaughtUtterance(tuple(layout.trunk(sample, system_prompt)), tokens, (*earlier, last))


def _earlier_ends(
    tokenizer: Tokenizer, text: str, tokens: Sequence[int], known: Set[str]
) -> list[int]:
    """How many tokens the unfinished beginnings have that end behind a word.

    Only those whose tokens are also the first of the whole: a row stands for what came before it.
    """
    counts = []
    for place in word_ends(text):
        cut = cut_at(text, place, known)
        if cut is None or cut.is_doubtful:
            continue
        beginning = tokenizer.encode(text[:place])
        if list(tokens[: len(beginning)]) == beginning and len(beginning) < len(tokens):
            counts.append(len(beginning))
    return counts


def allowed_columns(lessons: Sequence[Lesson], order: Sequence[State]) -> Tensor:
    """Bool `[lessons, labels]`: which columns of the probabilities are right."""
    return torch.tensor([[state in lesson.allowed for state in order] for lesson in lessons])
