"""Learning from other adapters: what they say of every lesson, in the mean.

Adapters that learned apart err in different places, so their mean is nearer to the truth than any
one is, and who learns to say what the mean says costs what one does (Hinton et al., Distilling
the knowledge in a neural network, arXiv 1503.02531).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from duologue.errors import InvalidSetting
from duologue.forward.state_head import StateHead
from duologue.states import State
from duologue.training.features import Advance
from duologue.training.lora_batches import LessonBook
from duologue.training.lora_learner import Learner
from duologue.training.lora_settings import LoraSettings
from duologue.training.past import attending_to_past

if TYPE_CHECKING:
    from transformers import PreTrainedModel

BATCH_SIZE = 64
SHAPE = ("rank", "num_layers", "head_width")


def check_labels(name: str, head: StateHead, order: tuple[State, ...]) -> None:
    """Raise InvalidSetting unless the columns of a head stand for what those of a learner do."""
    if head.card.labels != order:
        found, wanted = (", ".join(map(str, labels)) for labels in (head.card.labels, order))
        raise InvalidSetting(f"{name}: its labels are {found}, and must be {wanted}, in this order")


def check_teachers(
    teachers: Sequence[StateHead], layers: tuple[int, ...], settings: LoraSettings
) -> None:
    """Raise InvalidSetting unless all have the shape of what is to learn from them."""
    wanted = (layers, *(getattr(settings, name) for name in SHAPE))
    for teacher in teachers:
        check_labels("teacher", teacher, tuple(State))
        shape = teacher.card.training.get("lora") or {}
        found = (teacher.card.layers, *(shape.get(name) for name in SHAPE))
        if found != wanted:
            raise InvalidSetting(
                f"teacher: has layers, {', '.join(SHAPE)} {found}, and must have those of what "
                f"learns from it: {wanted}"
            )


@torch.no_grad()
def told_by(
    teachers: Sequence[StateHead],
    network: "PreTrainedModel",
    adapted: range,
    settings: LoraSettings,
    book: LessonBook,
    advance: Advance,
) -> LessonBook:
    """The book with what the teachers say of its lessons; `advance` counts utterances."""
    told = [torch.empty(0)] * len(book.utterances)
    learners = [Learner.of(teacher, network, adapted, settings) for teacher in teachers]
    with attending_to_past(network):
        for places, batch in book.in_order(BATCH_SIZE):
            said = torch.stack([learner(batch).softmax(-1) for learner in learners]).mean(0)
            counts = [len(book.utterances[place].lessons) for place in places]
            for place, lessons in zip(places, said.split(counts), strict=True):
                told[place] = lessons
            advance(len(places))
    return replace(book, told=told)
