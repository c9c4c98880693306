"""Taught utterances in batches, as the layers that learn are fed them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from duologue.states import State
from duologue.training.lora_reading import FrozenPart
from duologue.training.past import PastBatch
from duologue.training.supervision import TaughtUtterance, allowed_columns

BATCHES_SORTED_TOGETHER = 32


@dataclass(frozen=True, slots=True)
class LessonBatch:
    """One batch: the rows that go in, and those of them that teach."""

    states: Tensor  # [batch, rows, hidden_size], as they enter the first layer that learns
    past: PastBatch
    places: tuple[Tensor, Tensor]  # batch and row of each lesson
    allowed: Tensor  # bool [lessons, labels]
    is_last: Tensor  # bool [lessons]


@dataclass(frozen=True, slots=True)
class LessonBook:
    """All the utterances of a split, with what the frozen layers made of them."""

    utterances: Sequence[TaughtUtterance]
    entering: Sequence[Tensor]
    trunks: Sequence[Tensor]
    """The trunk behind each utterance; those that share one share the tensor."""
    first: int
    order: tuple[State, ...]

    @classmethod
    def of(
        cls,
        utterances: Sequence[TaughtUtterance],
        parts: Sequence[FrozenPart],
        first: int,
        order: tuple[State, ...],
    ) -> "LessonBook":
        entering = [states for part in parts for states in part.entering]
        trunks = [part.trunks[trunk] for part in parts for trunk in part.trunk_of]
        return cls(utterances, entering, trunks, first, order)

    def in_order(self, batch_size: int) -> Iterator[tuple[list[int], LessonBatch]]:
        """Every utterance once, the short ones first, with their places in the book."""
        places = sorted(range(len(self.utterances)), key=self._length)
        for start in range(0, len(places), batch_size):
            chosen = places[start : start + batch_size]
            yield chosen, self.batch(chosen)

    def shuffled(self, batch_size: int, generator: torch.Generator) -> Iterator[LessonBatch]:
        """Every utterance once, at random but for the company of others about as long."""
        order = torch.randperm(len(self.utterances), generator=generator)
        for together in order.split(batch_size * BATCHES_SORTED_TOGETHER):
            places = sorted(together.tolist(), key=self._length)
            batches = [
                places[start : start + batch_size] for start in range(0, len(places), batch_size)
            ]
            for index in torch.randperm(len(batches), generator=generator).tolist():
                yield self.batch(batches[index])

    def batch(self, places: Sequence[int]) -> LessonBatch:
        taught = [self.utterances[place] for place in places]
        states = torch.nn.utils.rnn.pad_sequence(
            [self.entering[place] for place in places], batch_first=True
        )
        lessons = [(index, lesson) for index, one in enumerate(taught) for lesson in one.lessons]
        return LessonBatch(
            states=states,
            past=PastBatch.padded([self.trunks[place] for place in places], self.first),
            places=(
                torch.tensor([index for index, _ in lessons]),
                torch.tensor([lesson.row for _, lesson in lessons]),
            ),
            allowed=allowed_columns([lesson for _, lesson in lessons], self.order),
            is_last=torch.tensor([lesson.is_last for _, lesson in lessons]),
        )

    def _length(self, place: int) -> tuple[int, int]:
        return len(self.utterances[place].tokens), self.trunks[place].shape[3]
