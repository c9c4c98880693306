"""Rounding to 8-bit numbers."""

import pytest
import torch

from duologue.forward.native.int8 import GREATEST, GROUP, rounded
from duologue.forward.native.packing import Packer

INPUTS = GROUP + GROUP // 2 + 2
"""One whole group and a short one."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_every_weight_is_within_half_a_step(dtype: torch.dtype) -> None:
    weight = torch.randn(70, INPUTS, generator=torch.Generator().manual_seed(1)).to(dtype)
    found = rounded(weight)
    steps = found.scales.float().repeat_interleave(GROUP, dim=1)[:, :INPUTS]
    errors = (found.values() - weight.float()).abs() / steps
    # A scale that was rounded down leaves a group's greatest weights a little beyond 127 steps.
    assert errors.max() < 0.5 + GREATEST * 2**-8
    assert errors.median() < 0.3
    assert found.numbers.abs().amax(dim=1).eq(GREATEST).float().mean() > 0.9


def test_zeros_stay_zeros() -> None:
    weight = torch.randn(8, INPUTS)
    weight[3], weight[5, :GROUP] = 0, 0
    values = rounded(weight).values()
    assert not values[3].any()
    assert not values[5, :GROUP].any()
    assert values[5, GROUP:].any()


def test_rounding_goes_by_groups() -> None:
    """A weight of another group, however large, changes nothing."""
    weight = torch.randn(1, 2 * GROUP)
    larger = weight.clone()
    larger[0, 0] = 1000
    assert rounded(weight).values()[:, GROUP:].equal(rounded(larger).values()[:, GROUP:])


def test_8_bits_take_half_the_memory() -> None:
    weight = torch.randn(128, 640).to(torch.bfloat16)
    plain, packed = (Packer(is_int8=chosen).pack([weight]).weights for chosen in (False, True))
    assert packed.nbytes == plain.nbytes / 2 * (1 + 2 / GROUP)
