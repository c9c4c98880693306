"""Taught utterances in batches, as the layers that learn are fed them."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

import torch
from torch import Tensor

from duologue.states import State
from duologue.training.lora_reading import FrozenPart
from duologue.training.past import PastBatch
from duologue.training.supervision import Place, TaughtUtterance, allowed_columns

BATCHES_SORTED_TOGETHER = 32


@dataclass(frozen=True, slots=True)
class LessonBatch:
    """One batch: the rows that go in, and those of them that teach."""

    states: Tensor  # [batch, rows, hidden_size], as they enter the first layer that learns
    past: PastBatch
    places: tuple[Tensor, Tensor]  # batch and row of each lesson
    allowed: Tensor  # bool [lessons, labels]
    is_end: Tensor  # bool [lessons]
    is_trail: Tensor  # bool [lessons]
    told: Tensor | None = None  # [lessons, labels]: probabilities by those who teach beside


@dataclass(frozen=True, slots=True)
class LessonBook:
    """All the utterances of a split, with what the frozen layers made of them."""

    utterances: Sequence[TaughtUtterance]
    entering: Sequence[Tensor]
    trunks: Sequence[Tensor]
    """The trunk behind each utterance; those that share one share the tensor."""
    first: int
    order: tuple[State, ...]
    told: Sequence[Tensor] = ()
    """Per utterance, `[lessons, labels]`: what others say of its lessons; or nothing."""

    @classmethod
    def of(
        cls,
        utterances: Sequence[TaughtUtterance],
        places: Sequence[int],
        parts: Sequence[FrozenPart],
        first: int,
        order: tuple[State, ...],
    ) -> "LessonBook":
        """`places` are the utterances' in the order in which the parts were read."""
        entering = [torch.empty(0)] * len(utterances)
        trunks = [torch.empty(0)] * len(utterances)
        read = (pair for part in parts for pair in zip(part.entering, part.trunk_of, strict=True))
        owners = (part for part in parts for _ in part.entering)
        for place, (states, trunk), part in zip(places, read, owners, strict=True):
            entering[place], trunks[place] = states, part.trunks[trunk]
        return cls(utterances, entering, trunks, first, order)

    def without(self, places: Set[int]) -> "LessonBook":
        """The same without the utterances at these places."""
        kept = [place for place in range(len(self.utterances)) if place not in places]
        return LessonBook(
            [self.utterances[place] for place in kept],
            [self.entering[place] for place in kept],
            [self.trunks[place] for place in kept],
            self.first,
            self.order,
            [self.told[place] for place in kept] if self.told else (),
        )

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
            is_end=torch.tensor([lesson.place is Place.END for _, lesson in lessons]),
            is_trail=torch.tensor([lesson.place is Place.TRAIL for _, lesson in lessons]),
            told=torch.cat([self.told[place] for place in places]) if self.told else None,
        )

    def _length(self, place: int) -> tuple[int, int]:
        return len(self.utterances[place].tokens), self.trunks[place].shape[3]
