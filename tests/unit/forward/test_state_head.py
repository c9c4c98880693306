"""The state head: its adapter survives the disk, and only fits the model that it was made for."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from duologue.errors import ModelUnavailable
from duologue.forward.input_lora import InputLora, LowRank
from duologue.forward.state_head import AdapterCard, StateHead
from duologue.states import State, decide

LABELS = (State.QUERY, State.NON_QUERY, State.INCOMPLETE, State.HOLD)
THRESHOLDS = {State.QUERY: 0.6, State.NON_QUERY: 0.5, State.HOLD: 0.5}


@dataclass(frozen=True)
class Geometry:
    num_layers: int = 4
    hidden_size: int = 8


def make_head(layers: tuple[int, ...] = (-1,), widths: tuple[int, ...] = ()) -> StateHead:
    card = AdapterCard(
        hidden_size=8,
        labels=LABELS,
        thresholds=THRESHOLDS,
        layers=layers,
        model_name="tiny",
        model_fingerprint="abc",
        training={"seed": 3},
    )
    generator = torch.Generator().manual_seed(0)
    sizes = [card.input_size, *widths, len(LABELS)]
    dense: list[tuple[Tensor, Tensor]] = [
        (torch.randn(high, low, generator=generator), torch.randn(high, generator=generator))
        for low, high in pairwise(sizes)
    ]
    return StateHead(card, dense)


@pytest.mark.parametrize("layers", [(-1,), (1, 3, -1)])
@pytest.mark.parametrize("widths", [(), (5,)])
def test_a_saved_head_says_the_same(
    tmp_path: Path, layers: tuple[int, ...], widths: tuple[int, ...]
) -> None:
    head = make_head(layers, widths)
    head.save(tmp_path / "adapter")
    loaded = StateHead.load(tmp_path / "adapter", geometry=Geometry(), fingerprint="abc")
    hidden = torch.randn(6, 8 * len(layers), generator=torch.Generator().manual_seed(1))
    assert loaded.card == head.card
    assert torch.equal(loaded.probabilities(hidden), head.probabilities(hidden))


def with_updates(rank: int = 2, *, card_rank: int = 2) -> StateHead:
    head = make_head()
    update = LowRank(torch.ones(rank, 8) / 4, torch.ones(8, rank) / 2)
    updates = InputLora({"layers.3.self_attn.q_proj": update})
    return StateHead(replace(head.card, lora_rank=card_rank), head.dense, updates)


def test_updates_are_saved_with_the_head(tmp_path: Path) -> None:
    head = with_updates()
    head.save(tmp_path)
    loaded = StateHead.load(tmp_path, geometry=Geometry(), fingerprint="abc")
    assert loaded.card == head.card
    assert loaded.lora is not None
    assert head.lora is not None
    for name, update in head.lora.updates.items():
        found = loaded.lora.updates[name]
        assert torch.equal(found.down.float(), update.down)
        assert torch.equal(found.up.float(), update.up)


def test_from_where_a_query_is_sure_is_kept_and_may_be_missing(tmp_path: Path) -> None:
    for confirm_above in (0.875, None):
        head = make_head()
        card = replace(head.card, confirm_above=confirm_above)
        StateHead(card, head.dense).save(tmp_path)
        assert StateHead.load(tmp_path).card.confirm_above == confirm_above


def test_only_an_adapter_with_updates_has_the_newer_format(tmp_path: Path) -> None:
    """What knows no updates must refuse it, and goes on reading all others."""
    for head, version in ((make_head(), 1), (with_updates(), 2)):
        head.save(tmp_path)
        assert json.loads((tmp_path / "adapter.json").read_text())["format"] == version


@pytest.mark.parametrize(
    "tamper", [lambda card: card | {"lora": {"rank": 3}}, lambda card: card | {"format": 1}]
)
def test_updates_that_the_card_does_not_tell_of_are_refused(
    tmp_path: Path, tamper: Callable[[dict[str, object]], dict[str, object]]
) -> None:
    with_updates().save(tmp_path)
    card = json.loads((tmp_path / "adapter.json").read_text())
    (tmp_path / "adapter.json").write_text(json.dumps(tamper(card)))
    with pytest.raises(ModelUnavailable, match="do not fit its card"):
        StateHead.load(tmp_path)


def test_updates_must_all_be_there(tmp_path: Path) -> None:
    with_updates().save(tmp_path)
    tensors = load_file(tmp_path / "adapter.safetensors")
    del tensors["lora.layers.3.self_attn.q_proj.up"]
    save_file(tensors, tmp_path / "adapter.safetensors")
    with pytest.raises(ModelUnavailable, match="do not fit its card"):
        StateHead.load(tmp_path)


def test_probabilities_are_a_softmax_in_float32_of_rows_of_any_dtype() -> None:
    head = make_head()
    hidden = torch.randn(6, 8, generator=torch.Generator().manual_seed(1))
    exact, rounded = head.probabilities(hidden), head.probabilities(hidden.bfloat16())
    assert exact.dtype == rounded.dtype == torch.float32
    assert exact.shape == (6, 4)
    assert torch.allclose(exact.sum(-1), torch.ones(6))
    assert torch.allclose(exact, rounded, atol=0.05)
    assert not torch.equal(exact, rounded)


def test_a_row_does_not_depend_on_its_company() -> None:
    head = make_head(widths=(5,))
    hidden = torch.randn(9, 8, generator=torch.Generator().manual_seed(1))
    alone = torch.cat([head.probabilities(row[None]) for row in hidden])
    assert torch.allclose(head.probabilities(hidden), alone, atol=1e-6)


def test_rows_of_a_wrong_width_are_refused() -> None:
    with pytest.raises(AssertionError, match="16 wide, the head reads 8"):
        make_head().probabilities(torch.zeros(1, 16))


@pytest.mark.parametrize(
    ("geometry", "fingerprint", "message"),
    [
        (Geometry(hidden_size=16), "", "hidden size 8; this model's is 16"),
        (Geometry(num_layers=3), "", "reads layers \\[3\\]; this model has 3"),
        (Geometry(), "other", "fingerprint abc; this model's is other"),
    ],
)
def test_another_models_adapter_is_refused(
    tmp_path: Path, geometry: Geometry, fingerprint: str, message: str
) -> None:
    make_head((3,)).save(tmp_path)
    with pytest.raises(ModelUnavailable, match=message):
        StateHead.load(tmp_path, geometry=geometry, fingerprint=fingerprint)


def test_a_missing_adapter_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"no state adapter in .*nowhere"):
        StateHead.load(tmp_path / "nowhere")


def test_missing_weights_are_named(tmp_path: Path) -> None:
    make_head().save(tmp_path)
    (tmp_path / "adapter.safetensors").unlink()
    with pytest.raises(ModelUnavailable, match=r"lacks adapter\.safetensors"):
        StateHead.load(tmp_path)


def test_weights_that_are_no_safetensors_are_refused(tmp_path: Path) -> None:
    make_head().save(tmp_path)
    (tmp_path / "adapter.safetensors").write_bytes(b"not tensors at all")
    with pytest.raises(ModelUnavailable, match="is broken"):
        StateHead.load(tmp_path)


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    make_head((0, 1)).save(tmp_path)
    make_head().save(tmp_path / "other")
    (tmp_path / "other" / "adapter.safetensors").replace(tmp_path / "adapter.safetensors")
    with pytest.raises(ModelUnavailable, match="do not fit its card"):
        StateHead.load(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99},
        {"format": 2},
        {"format": 2, "lora": {"rank": "high"}},
        {"labels": ["query", "nonsense"]},
        {"thresholds": {"query": 2.0}},
        {"layers": []},
        {"model": None},
        {"hidden_size": "wide"},
    ],
)
def test_a_broken_card_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    make_head().save(tmp_path)
    card = json.loads((tmp_path / "adapter.json").read_text())
    (tmp_path / "adapter.json").write_text(json.dumps(card | change))
    with pytest.raises(ModelUnavailable, match="cannot be used"):
        StateHead.load(tmp_path)


@pytest.mark.parametrize(
    ("probabilities", "decided"),
    [
        ((0.7, 0.1, 0.1, 0.1), State.QUERY),
        ((0.55, 0.1, 0.25, 0.1), State.INCOMPLETE),  # the likeliest, but below its threshold
        ((0.1, 0.52, 0.3, 0.08), State.NON_QUERY),
        ((0.3, 0.3, 0.1, 0.3), State.INCOMPLETE),
        ((0.1, 0.1, 0.2, 0.6), State.HOLD),
    ],
)
def test_deciding_needs_the_threshold(probabilities: tuple[float, ...], decided: State) -> None:
    assert decide(dict(zip(LABELS, probabilities, strict=True)), THRESHOLDS) is decided


def test_of_several_that_reach_their_threshold_the_likeliest_wins() -> None:
    low = {State.QUERY: 0.2, State.NON_QUERY: 0.2, State.HOLD: 0.2}
    chances = {State.QUERY: 0.3, State.NON_QUERY: 0.4, State.INCOMPLETE: 0.1, State.HOLD: 0.2}
    assert decide(chances, low) is State.NON_QUERY
    assert decide(chances, {State.QUERY: 0.2}) is State.QUERY
