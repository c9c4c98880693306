"""Packed linear layers give the same bits, and stand in only where they can."""

import pytest
import torch
from torch import nn

from duologue.forward.packed import PackedLinear, can_pack, pack_linears
from tests.tiny_models import tiny_network

packable = pytest.mark.skipif(
    not can_pack(nn.Linear(2, 2).bfloat16()), reason="oneDNN's packed product is not here"
)


@packable
@pytest.mark.parametrize("rows", [1, 3, 32, 65])
@pytest.mark.parametrize("bias", [True, False])
@torch.inference_mode()
def test_a_packed_layer_gives_the_same_bits(rows: int, bias: bool) -> None:
    torch.manual_seed(rows)
    linear = nn.Linear(96, 160, bias=bias).bfloat16().requires_grad_(False)
    states = torch.randn(1, rows, 96).bfloat16()
    packed = PackedLinear(linear)
    assert torch.equal(packed(states), linear(states))
    assert (packed.in_features, packed.out_features) == (96, 160)


@packable
@torch.inference_mode()
def test_a_packed_network_gives_the_same_bits() -> None:
    plain, packed = (tiny_network("llama").bfloat16() for _ in range(2))
    assert pack_linears(packed) == 2 * 7 + 1
    assert pack_linears(packed) == 0, "there is nothing left to pack"
    tokens = torch.arange(40)[None]
    assert torch.equal(plain(tokens).logits, packed(tokens).logits)


def test_float32_is_left_as_it_is() -> None:
    network = tiny_network("llama")
    assert not can_pack(network)
    assert pack_linears(network) == 0
    assert not any(isinstance(module, PackedLinear) for module in network.modules())
