"""Learning from other adapters: what they say, and that it is learned."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from duologue.errors import InvalidSetting
from duologue.forward.state_head import StateHead
from duologue.training.lora_fit import LoraFit
from duologue.training.lora_trainer import LoraTrainer
from duologue.training.past import attending_to_past
from duologue.training.teachers import check_teachers, told_by
from duologue.training.trainer import TrainSettings
from tests.unit.training.test_lora import (
    SETTINGS,
    book,
    card_of,
    learner_of_two_layers,
    lessons,
    load,
)

WIDE = replace(SETTINGS, head_width=6, label_smoothing=0.0)
LAYERS = (0, 1)


def teachers(tmp_path: Path) -> list[StateHead]:
    """Two that say different things."""
    loaded, generator = load(tmp_path), torch.Generator().manual_seed(8)
    heads = []
    for _ in range(2):
        learner = learner_of_two_layers(loaded, generator)
        for parameter in learner.parameters():
            parameter.data.normal_(0.0, 0.3, generator=generator)
        card = replace(card_of(learner, loaded), training={"lora": vars_of(WIDE)})
        heads.append(StateHead(card, learner.dense(), learner.lora()))
    return heads


def vars_of(settings: object) -> dict[str, object]:
    return {name: getattr(settings, name) for name in ("rank", "num_layers", "head_width")}


def test_what_is_told_is_the_mean_of_what_teachers_say_of_every_lesson(tmp_path: Path) -> None:
    loaded, heads = load(tmp_path), teachers(tmp_path)
    read = book(loaded, lessons(loaded), range(2), None)
    counted: list[int] = []
    told = told_by(heads, loaded.network, range(2), WIDE, read, counted.append)
    assert sum(counted) == len(read.utterances)
    batch = told.batch(range(len(told.utterances)))
    learner = learner_of_two_layers(loaded, torch.Generator().manual_seed(1))
    said = []
    with attending_to_past(loaded.network), torch.no_grad():
        for head in heads:
            learner.take(head)
            said.append(learner(batch).softmax(-1))
    assert batch.told is not None
    assert batch.told.shape == (sum(len(one.lessons) for one in read.utterances), 4)
    torch.testing.assert_close(batch.told, (said[0] + said[1]) / 2)


def test_a_book_without_some_utterances_keeps_what_is_told_of_the_others(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    read = book(loaded, lessons(loaded), range(2), None)
    told = told_by(teachers(tmp_path), loaded.network, range(2), WIDE, read, lambda done: None)
    rest = told.without({0, 3})
    assert [rest.told[place] is told.told[was] for place, was in enumerate((1, 2, 4))] == [True] * 3


def test_what_is_told_is_learned_beside_the_labels(tmp_path: Path) -> None:
    """It ends nearer to what the teachers say than without them."""
    loaded = load(tmp_path)
    read = book(loaded, lessons(loaded), range(2), None)
    told = told_by(teachers(tmp_path), loaded.network, range(2), WIDE, read, lambda done: None)
    whole = told.batch(range(len(told.utterances)))
    assert whole.told is not None
    distances = []
    for train in (read, told):
        _, learner = LoraFit(loaded.network, LAYERS, range(2), WIDE, train, read).run()
        with attending_to_past(loaded.network), torch.no_grad():
            said = learner(whole).log_softmax(-1)
        distances.append(float((whole.told * (whole.told.log() - said)).sum(-1).mean()))
    assert distances[1] < 0.8 * distances[0]


@pytest.mark.parametrize(
    "other", [replace(WIDE, rank=4), replace(WIDE, num_layers=1), replace(WIDE, head_width=0)]
)
def test_teachers_of_another_shape_are_refused(tmp_path: Path, other: object) -> None:
    heads = teachers(tmp_path)
    check_teachers(heads, LAYERS, WIDE)
    stranger = replace(heads[0].card, training={"lora": vars_of(other)})
    with pytest.raises(InvalidSetting, match="must have those of what learns from it"):
        check_teachers([StateHead(stranger, heads[0].dense, heads[0].lora)], LAYERS, WIDE)
    with pytest.raises(InvalidSetting, match="teacher: has layers"):
        check_teachers(heads, (1,), WIDE)


def test_labels_in_another_order_are_refused(tmp_path: Path) -> None:
    """Its columns would be taken for what they are not."""
    head = teachers(tmp_path)[0]
    turned = replace(head.card, labels=head.card.labels[::-1])
    stranger = StateHead(turned, head.dense, head.lora)
    with pytest.raises(InvalidSetting, match=r"teacher: its labels are hold, .* in this order"):
        check_teachers([stranger], LAYERS, WIDE)
    settings = TrainSettings(layers=LAYERS, lora=WIDE)
    with pytest.raises(InvalidSetting, match=r"from: its labels are hold, .* in this order"):
        LoraTrainer(load(tmp_path), settings, start=stranger)
