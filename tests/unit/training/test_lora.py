"""Adapting the input channel: what learns reads what the engine reads, and it does learn."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from duologue.errors import InvalidSetting
from duologue.forward.input_lora import InputLora
from duologue.forward.merged import MergedForward
from duologue.forward.rows import Stretch
from duologue.forward.state_head import AdapterCard, StateHead, dense_scores
from duologue.kv.channel import Channel
from duologue.kv.memory import KVMemory
from duologue.model.loading import LoadedModel, load_model
from duologue.states import State
from duologue.training.layout import Layout
from duologue.training.lora_batches import LessonBook
from duologue.training.lora_fit import LoraFit, last_scores
from duologue.training.lora_learner import Learner
from duologue.training.lora_reading import FrozenReader
from duologue.training.lora_settings import LoraSettings
from duologue.training.past import attending_to_past
from duologue.training.sample import Sample, Turn
from duologue.training.supervision import Place, TaughtUtterance, complete_texts, taught
from tests.tiny_models import write_tiny_model

ORDER = tuple(State)
PAST = (Turn("user", "what is the capital"), Turn("assistant", "it is far from here"))
SAMPLES = [
    Sample("how far is it", State.QUERY, context=PAST),
    Sample("uh huh", State.NON_QUERY, context=(Turn("user", "the train"),), speaking=True),
    Sample("the tra", State.INCOMPLETE),
    Sample("what is the capital of france and how far is it from here", State.QUERY),
    Sample("hold on", State.HOLD, context=PAST),
]
SETTINGS = LoraSettings(
    rank=3, num_layers=2, dropout=0.0, batch_size=2, max_epochs=3, learning_rate=5e-3
)
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen3": {},
    "gemma2": {"sliding_window": 8},
    "gemma3": {"sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"]},
}


def load(tmp_path: Path, family: str = "llama", attention: str = "eager") -> LoadedModel:
    folder = write_tiny_model(tmp_path / family, family, **FAMILIES[family])
    return load_model(folder, device="cpu", dtype="float32", attention=attention)


def lessons(loaded: LoadedModel, samples: Sequence[Sample] = SAMPLES) -> list[TaughtUtterance]:
    layout = Layout(loaded.chat, loaded.tokenizer)
    known = complete_texts(samples)
    trails = ("", " uh", ",", "", " on")
    prompts = ("be brief", "be brief", "", "be brief", "be brief")
    return [
        taught(layout, sample, prompt, known, trail)
        for sample, prompt, trail in zip(samples, prompts, trails, strict=True)
    ]


def book(
    loaded: LoadedModel, utterances: Sequence[TaughtUtterance], adapted: range, folder: Path | None
) -> LessonBook:
    reader = FrozenReader(loaded, adapted.start, adapted[-1], folder)
    order = sorted(range(len(utterances)), key=lambda place: utterances[place].trunk)
    pairs = [(utterances[place].trunk, utterances[place].tokens) for place in order]
    return LessonBook.of(utterances, order, list(reader.read(pairs)), adapted.start, ORDER)


def learner_with_updates(loaded: LoadedModel, adapted: range, layers: tuple[int, ...]) -> Learner:
    generator = torch.Generator().manual_seed(1)
    learner = Learner(loaded.network, adapted, layers, len(ORDER), SETTINGS, generator)
    with torch.no_grad():
        for parameter in learner.updates.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return learner.eval()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("adapted", "layers"), [(range(2), (0, -1)), (range(1, 2), (1,))])
def test_what_learns_reads_what_the_engine_reads(
    tmp_path: Path, family: str, adapted: range, layers: tuple[int, ...]
) -> None:
    """The engine holds a trunk and an input channel, whose rows alone are adapted."""
    loaded = load(tmp_path, family)
    utterances = lessons(loaded)
    read = book(loaded, utterances, adapted, None)
    learner = learner_with_updates(loaded, adapted, layers)
    with attending_to_past(loaded.network), torch.no_grad():
        batch = read.batch(range(len(utterances)))
        rows = learner.features(batch)[batch.is_end]
    engine_side = load(tmp_path, family, "duologue")
    for taught_one, row in zip(utterances, rows, strict=True):
        expected = read_through_engine(engine_side, taught_one, layers, learner.lora())
        assert torch.allclose(row, expected, rtol=1e-4, atol=1e-4)


def read_through_engine(
    model: LoadedModel, one: TaughtUtterance, layers: tuple[int, ...], lora: InputLora
) -> Tensor:
    memory = KVMemory(model.geometry, budget_bytes=1 << 24, device="cpu", dtype=torch.float32)
    forward = MergedForward(model.network, memory, layers, lora)
    slot, _ = memory.open()
    (end,) = (lesson.row for lesson in one.lessons if lesson.place is Place.END)
    stretches = [
        Stretch(slot, channel, tokens, memory.take(slot, len(tokens)), first, reads_hidden=reads)
        for channel, tokens, first, reads in (
            (Channel.TRUNK, one.trunk, 0, False),
            (Channel.INPUT, one.tokens[: end + 1], len(one.trunk), True),
        )
        if tokens
    ]
    return forward.run(stretches).hidden[0]


@pytest.mark.parametrize("head_width", [0, 5])
def test_the_dense_layers_of_an_adapter_judge_as_what_learned_them(
    tmp_path: Path, head_width: int
) -> None:
    loaded = load(tmp_path)
    settings = replace(SETTINGS, head_width=head_width)
    generator = torch.Generator().manual_seed(2)
    learner = Learner(loaded.network, range(2), (0, -1), len(ORDER), settings, generator).eval()
    features = torch.randn(6, 2 * loaded.geometry.hidden_size, generator=generator)
    learner.mean.copy_(features.mean(0))
    learner.spread.copy_(features.std(0))
    with torch.no_grad():
        dense = learner.dense()
        assert len(dense) == (2 if head_width else 1)
        expected = learner.judged(features)
    assert torch.allclose(dense_scores(dense, features), expected, atol=1e-4)


def test_what_goes_on_from_an_adapter_begins_as_that_judges(tmp_path: Path) -> None:
    loaded, generator = load(tmp_path), torch.Generator().manual_seed(5)
    first, second = (learner_of_two_layers(loaded, generator) for _ in range(2))
    for learner in (first, second):
        learner.mean.normal_(generator=generator)
        learner.spread.uniform_(0.5, 2.0, generator=generator)
    for parameter in first.parameters():
        parameter.data.normal_(generator=generator)
    second.take(StateHead(card_of(first, loaded), first.dense(), first.lora()))
    features = torch.randn(4, 2 * loaded.geometry.hidden_size, generator=generator)
    torch.testing.assert_close(second.judged(features), first.judged(features))
    for name, update in first.lora().updates.items():
        torch.testing.assert_close(second.lora().updates[name].up, update.up)
        torch.testing.assert_close(second.lora().updates[name].down, update.down)


def test_what_went_on_from_an_adapter_meets_it_half_way(tmp_path: Path) -> None:
    loaded, generator = load(tmp_path), torch.Generator().manual_seed(6)
    first, second = (learner_of_two_layers(loaded, generator) for _ in range(2))
    second.mean.normal_(generator=generator)
    second.spread.uniform_(0.5, 2.0, generator=generator)
    for parameter in (*first.parameters(), *second.parameters()):
        parameter.data.normal_(generator=generator)
    learned = [weight.clone() for weight, _ in second.dense()], second.lora()
    second.meet(StateHead(card_of(first, loaded), first.dense(), first.lora()))
    for (met, _), own, (other, _) in zip(second.dense(), learned[0], first.dense(), strict=True):
        torch.testing.assert_close(met, (own + other) / 2)
    for name, met_update in second.lora().updates.items():
        own_update, other_update = learned[1].updates[name], first.lora().updates[name]
        torch.testing.assert_close(met_update.up, (own_update.up + other_update.up) / 2)
        torch.testing.assert_close(met_update.down, (own_update.down + other_update.down) / 2)


def learner_of_two_layers(loaded: LoadedModel, generator: torch.Generator) -> Learner:
    settings = replace(SETTINGS, head_width=6)
    return Learner(loaded.network, range(2), (0, 1), len(ORDER), settings, generator).eval()


def card_of(learner: Learner, loaded: LoadedModel) -> AdapterCard:
    (rank,) = learner.lora().ranks
    return AdapterCard(loaded.geometry.hidden_size, ORDER, {}, layers=(0, 1), lora_rank=rank)


def test_a_book_without_some_utterances_keeps_the_others(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    whole = book(loaded, lessons(loaded), range(2), None)
    rest = whole.without({0, 3})
    assert [one.tokens for one in rest.utterances] == [
        whole.utterances[place].tokens for place in (1, 2, 4)
    ]
    assert torch.equal(rest.entering[2], whole.entering[4])
    assert torch.equal(rest.trunks[0], whole.trunks[1])


def test_a_book_read_from_disk_is_the_same(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    utterances = lessons(loaded)
    first = book(loaded, utterances, range(2), tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 1
    again = book(loaded, utterances, range(2), tmp_path / "cache")
    for left, right in zip(first.entering, again.entering, strict=True):
        assert torch.equal(left, right)
    for left, right in zip(first.trunks, again.trunks, strict=True):
        assert torch.equal(left, right)


def fitting(loaded: LoadedModel, folder: Path | None = None) -> LoraFit:
    adapted = SETTINGS.adapted((-1,), 2)
    read = book(loaded, lessons(loaded), adapted, None)
    return LoraFit(loaded.network, (-1,), adapted, SETTINGS, read, read, folder)


def test_it_learns_and_leaves_the_network_as_it_was(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    before = {name: tensor.clone() for name, tensor in loaded.network.state_dict().items()}
    fit = fitting(loaded)
    losses: list[float] = []
    fit.report = lambda epoch, train_loss, val_loss: losses.append(val_loss)
    fitted, learner = fit.run()
    assert losses[-1] < losses[0]
    assert fitted.best_loss == min(losses)
    assert len(fitted.lora.updates) == 2 * 7
    assert any(bool(update.up.any()) for update in fitted.lora.updates.values())
    for name, tensor in loaded.network.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert loaded.network.config._attn_implementation == "eager"
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in loaded.network.modules())
    scores = last_scores(learner, loaded.network, fit.val)
    labels = torch.tensor([ORDER.index(sample.label) for sample in SAMPLES])
    loss = torch.nn.functional.cross_entropy(scores, labels)
    assert float(loss) == pytest.approx(fitted.best_loss, rel=1e-4)


def test_the_same_seed_gives_the_same_adapter_also_when_it_was_stopped(tmp_path: Path) -> None:
    loaded = load(tmp_path)
    whole, _ = fitting(loaded).run()

    class Stopped(Exception):
        pass

    def stop(epoch: int, train_loss: float, val_loss: float) -> None:
        if epoch == 1:
            raise Stopped

    interrupted = fitting(loaded, tmp_path / "cache")
    interrupted.report = stop
    with pytest.raises(Stopped):
        interrupted.run()
    epochs: list[int] = []
    resumed = fitting(loaded, tmp_path / "cache")
    resumed.report = lambda epoch, train_loss, val_loss: epochs.append(epoch)
    fitted, _ = resumed.run()
    assert epochs == [2]
    for name, update in whole.lora.updates.items():
        assert torch.equal(fitted.lora.updates[name].up, update.up)
        assert torch.equal(fitted.lora.updates[name].down, update.down)


def test_layers_that_the_updates_do_not_reach_are_refused() -> None:
    settings = LoraSettings(num_layers=4)
    assert settings.adapted((9, 7), 30) == range(6, 10)
    assert settings.adapted((-1,), 30) == range(26, 30)
    with pytest.raises(InvalidSetting, match="reads those from 6 to 9"):
        settings.adapted((5, 9), 30)
    with pytest.raises(InvalidSetting, match="only 3 lie"):
        settings.adapted((2,), 30)
    with pytest.raises(InvalidSetting, match="at least 1"):
        LoraSettings(rank=0)
