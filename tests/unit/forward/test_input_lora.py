"""Updates of input rows: added to them alone, and not even looked at where there are none."""

import pytest
import torch
from torch import Tensor, nn

from duologue.errors import ModelUnavailable
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
    return exchange.forward, MergedForward(exchange.merged, exchange.forward.hidden_layers, lora)


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
    keys = [key.clone() for bank in exchange.memory.banks for key in bank.keys]
    found = adapted.run(stretches)
    for row, stretch in enumerate(stretches):
        same = torch.equal(found.logits[row], expected.logits[row])
        assert same is (stretch.channel is not Channel.INPUT)
    after = [key for bank in exchange.memory.banks for key in bank.keys]
    cells = stretches[1].cells
    for before, now in zip(keys, after, strict=True):
        slot = stretches[1].slot.index
        assert torch.equal(before[slot][:, :, cells], now[slot][:, :, cells])


def test_without_input_rows_nothing_is_hooked(monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = Exchange("llama")
    _, adapted = both(exchange, random_lora(exchange.plain))
    conversation = exchange.open()
    monkeypatch.setattr(InputLora, "applied", lambda *_: pytest.fail("updates were applied"))
    adapted.run([exchange.say(conversation, Channel.TRUNK, [1, 2])])


def test_no_hook_stays_behind() -> None:
    exchange = Exchange("llama")
    _, adapted = both(exchange, random_lora(exchange.plain))
    adapted.run(mixed_stretches(exchange))
    assert not any(module._forward_hooks for module in exchange.merged.modules())


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
        slot = memory.open()
        stretch = Stretch(slot, Channel.INPUT, [1, 2, 3], memory.take(slot, 3), 0, True, True)
        return (
            MergedForward(network, (-1,), random_lora(tiny_network("llama"))).run([stretch]).hidden
        )

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
