"""Products in C against products in float64, for every variant that this machine can run."""

from ctypes import byref
from functools import partial
from random import Random

import pytest
import torch
from torch import Tensor

from duologue.forward.native.int8 import rounded
from duologue.forward.native.library import load_library
from duologue.forward.native.packing import Packer, interleaved
from duologue.forward.native.structures import TYPES
from duologue.forward.native.variants import LibraryVariant, runnable_variants
from tests.native import needs_native

INT8 = pytest.mark.parametrize("is_int8", [False, True], ids=["plain", "int8"])

pytestmark = [
    needs_native,
    pytest.mark.parametrize("variant", runnable_variants(), ids=lambda variant: variant.name),
    pytest.mark.parametrize("dtype", list(TYPES), ids=str),
]


def multiply(
    variant: LibraryVariant,
    weight: Tensor,
    bias: Tensor | None,
    x: Tensor,
    threads: int = 1,
    *,
    is_int8: bool = False,
) -> Tensor:
    packed = Packer(is_int8=is_int8).pack([weight], [bias])
    result = torch.empty(x.shape[0], packed.outputs)
    load_library(variant).functions.duologue_linear_rows(
        TYPES[weight.dtype],
        byref(packed.struct()),
        x.data_ptr(),
        x.shape[0],
        result.data_ptr(),
        packed.outputs,
        threads,
    )
    return result[:, : weight.shape[0]]


@INT8
@pytest.mark.parametrize("seed", range(20))
def test_any_shape(variant: LibraryVariant, dtype: torch.dtype, is_int8: bool, seed: int) -> None:
    random, generator = Random(seed), torch.Generator().manual_seed(seed)
    outputs, inputs = random.randint(1, 300), 2 * random.randint(1, 200)
    rows = random.choice((1, 2, 3, 5, 6, 7, 8, 11, 12, 13, 31, 200))
    weight = torch.randn(outputs, inputs, generator=generator).to(dtype)
    bias = torch.randn(outputs, generator=generator).to(dtype) if seed % 2 else None
    x = torch.randn(rows, inputs, generator=generator).to(dtype)
    values = rounded(weight).values() if is_int8 else weight
    exact = x.double() @ values.double().T + (bias.double() if bias is not None else 0)
    found = multiply(variant, weight, bias, x, threads=1 + seed % 3, is_int8=is_int8)
    scale = x.double().abs() @ values.double().abs().T + 1
    assert float(((found - exact).abs() / scale).max()) < 1e-6


@INT8
@pytest.mark.parametrize("threads", [1, 2])
def test_company_changes_no_bit(
    variant: LibraryVariant, dtype: torch.dtype, is_int8: bool, threads: int
) -> None:
    weight, x = torch.randn(200, 130).to(dtype), torch.randn(27, 130).to(dtype)
    multiplied = partial(multiply, variant, weight, None, is_int8=is_int8)
    together = multiplied(x, threads)
    for row in range(len(x)):
        assert multiplied(x[row : row + 1]).equal(together[row : row + 1])
    for count in range(2, len(x)):
        assert multiplied(x[:count]).equal(together[:count])


def test_gates_lie_beside_what_they_are_multiplied_with(
    variant: LibraryVariant, dtype: torch.dtype
) -> None:
    gate, up = torch.randn(70, 4).to(dtype), torch.randn(70, 4).to(dtype)
    blocks = interleaved(gate, up).unflatten(0, (-1, 2, 32))
    assert blocks[:, 0].flatten(0, 1)[:70].equal(gate)
    assert blocks[:, 1].flatten(0, 1)[:70].equal(up)
    assert not blocks[:, :, :][-1, :, 6:].any()
