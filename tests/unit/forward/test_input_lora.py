"""Updates of input rows: added to them alone, and not even looked at where there are none."""

from contextlib import nullcontext

import pytest
import torch
from torch import Tensor, nn

from duologue.errors import ModelUnavailable
from duologue.forward.adapted_layers import AdaptedLayers, InputRows, SharedDown
from duologue.forward.attention import ATTENTION_NAME, register
from duologue.forward.input_lora import InputLora, LowRank
from duologue.forward.merged import MergedForward
from duologue.forward.packed import can_pack, pack_linears
from duologue.forward.rows import Stretch
from duologue.kv.channel import Channel
from duologue.kv.memory import KVMemory
from duologue.model.geometry import ModelGeometry
from tests.rules.worlds import random_lora
from tests.tiny_models import tiny_network
from tests.unit.forward.conversations import Exchange

NAME = "layers.0.self_attn.q_proj"


def both(exchange: Exchange, lora: InputLora) -> tuple[MergedForward, MergedForward]:
    return exchange.forward, MergedForward(
        exchange.merged, exchange.memory, exchange.forward.hidden_layers, lora
    )


def mixed_stretches(exchange: Exchange) -> list[Stretch]:
    """Of three conversations: trunk, both channels, input alone."""
    one, other, third = (exchange.open() for _ in range(3))
    for conversation in (other, third):
        exchange.forward.run([exchange.say(conversation, Channel.TRUNK, [1, 2, 3])])
    return [
        exchange.say(third, Channel.INPUT, [4]),
        exchange.say(one, Channel.TRUNK, [7, 8, 9, 10]),
        exchange.say(other, Channel.OUTPUT, [5, 6]),
        exchange.say(other, Channel.INPUT, list(range(20, 40))),
    ]


def test_other_rows_are_the_same_bit_for_bit() -> None:
    exchange = Exchange("llama")
    plain, adapted = both(exchange, random_lora(exchange.plain))
    stretches = mixed_stretches(exchange)
    expected = plain.run(stretches)
    keys = [key.clone() for key in exchange.memory.pool.keys]
    found = adapted.run(stretches)
    for row, stretch in enumerate(stretches):
        same = torch.equal(found.logits[row], expected.logits[row])
        assert same is (stretch.channel is not Channel.INPUT)
    [block] = stretches[1].slot.blocks
    cells = stretches[1].cells
    for before, now in zip(keys, exchange.memory.pool.keys, strict=True):
        assert torch.equal(before[block][:, :, cells], now[block][:, :, cells])


def test_without_input_rows_nothing_is_adapted(monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = Exchange("llama")
    _, adapted = both(exchange, random_lora(exchange.plain))
    conversation = exchange.open()
    monkeypatch.setattr(AdaptedLayers, "applied", lambda *_: pytest.fail("updates were applied"))
    adapted.run([exchange.say(conversation, Channel.TRUNK, [1, 2])])


@pytest.mark.parametrize("fails", [False, True])
def test_no_adapted_layer_stays_behind(fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = Exchange("llama")
    _, adapted = both(exchange, random_lora(exchange.plain))
    before = dict(exchange.merged.named_modules())
    if fails:
        monkeypatch.setattr(SharedDown, "of", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError) if fails else nullcontext():
        adapted.run(mixed_stretches(exchange))
    assert dict(exchange.merged.named_modules()) == before


@pytest.mark.parametrize("numbers", [[3], [0, 1, 2], [1, 3, 5, 7], [0, 2, 3, 7]])
def test_rows_are_read_and_added_to_wherever_they_lie(numbers: list[int]) -> None:
    rows = InputRows(numbers, "cpu")
    states = torch.randn(1, 8, 5, generator=torch.Generator().manual_seed(1))
    states[0, 4] = -0.0  # an added zero would change its sign
    before = states.clone()
    change = torch.arange(1.0, 1.0 + len(numbers))[:, None].expand(-1, 5)
    assert torch.equal(rows.of(states), before[0, numbers])
    rows.add(states, change)
    assert torch.equal(states[0, numbers], before[0, numbers] + change)
    others = [row for row in range(8) if row not in numbers]
    assert torch.equal(states[0, others].view(torch.int32), before[0, others].view(torch.int32))


def test_layers_share_a_product_only_if_they_read_the_same_states() -> None:
    """Whatever the guess: the second layer may read other states, or come first."""
    generator = torch.Generator().manual_seed(2)
    downs = [torch.randn(2, 6, generator=generator) for _ in range(2)]
    shared = SharedDown(downs)
    shared.rows = InputRows([0, 2], "cpu")
    one, other = (torch.randn(1, 4, 6, generator=generator) for _ in range(2))
    for states, number in ((one, 0), (one, 1), (other, 1), (one, 0), (other, 0)):
        expected = states[0, [0, 2]] @ downs[number].T
        torch.testing.assert_close(shared.of(states)[number], expected)
    assert shared.of(one)[0] is shared.of(one)[0]


@pytest.mark.skipif(
    not can_pack(nn.Linear(2, 2).bfloat16()), reason="oneDNN's packed product is not here"
)
def test_packed_layers_are_adapted_alike() -> None:
    register()

    def states(*, packs: bool) -> Tensor:
        network = tiny_network("llama").bfloat16()
        network.set_attn_implementation(ATTENTION_NAME)
        assert not packs or pack_linears(network)
        memory = KVMemory(
            ModelGeometry.from_config(network.config), budget_bytes=1 << 24, dtype=torch.bfloat16
        )
        slot, _ = memory.open()
        stretch = Stretch(slot, Channel.INPUT, [1, 2, 3], memory.take(slot, 3), 0, True, True)
        forward = MergedForward(network, memory, (-1,), random_lora(tiny_network("llama")))
        return forward.run([stretch]).hidden

    assert torch.equal(states(packs=True), states(packs=False))


def test_an_update_that_does_not_fit_is_refused() -> None:
    body = tiny_network("llama").base_model
    wrong_size = InputLora({NAME: LowRank(torch.zeros(2, 5), torch.zeros(32, 2))})
    with pytest.raises(ModelUnavailable, match="5 to 32 features; this model has one of 32 to 32"):
        wrong_size.fitted_to(body)
    no_such = InputLora({"layers.9.mlp": LowRank(torch.zeros(2, 5), torch.zeros(32, 2))})
    with pytest.raises(ModelUnavailable, match="none of that name"):
        no_such.fitted_to(body)


def test_tensors_survive() -> None:
    lora = InputLora({NAME: LowRank(torch.rand(2, 5), torch.rand(3, 2))})
    assert InputLora.from_tensors({"dense.0.weight": torch.zeros(1)}) is None
    again = InputLora.from_tensors({**lora.to_tensors(), "dense.0.weight": torch.zeros(1)})
    assert again is not None
    assert again.updates[NAME].up is lora.updates[NAME].up
    with pytest.raises(KeyError):
        InputLora.from_tensors({f"lora.{NAME}.up": torch.zeros(3, 2)})
