"""Attention in C against attention in float64, for every variant that this machine can run."""

from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from duologue.forward.few import FewRows
from duologue.forward.many import ManyRows
from duologue.forward.native.attention import why_not
from duologue.forward.native.library import Library, load_library
from duologue.forward.native.structures import TYPES
from duologue.forward.native.variants import LibraryVariant, runnable_variants
from duologue.kv.blocks import CELLS_PER_BLOCK, BlockPool
from duologue.kv.slot import HOLE
from duologue.model.geometry import ModelGeometry
from tests.native import needs_native
from tests.unit.forward.attention_case import (
    AttentionCase,
    random_case,
)

pytestmark = [
    needs_native,
    pytest.mark.parametrize("variant", runnable_variants(), ids=lambda variant: variant.name),
]
DTYPES = pytest.mark.parametrize("dtype", list(TYPES), ids=str)
SEEDS = st.integers(0, 2**32)


def tolerance(library: Library, dtype: torch.dtype) -> float:
    """Of results in float32, relative to the weighted sum of absolute values."""
    rounds_weights = dtype is torch.bfloat16 and library.variant.name == "avx512bf16"
    # A score of 16 that is a sum of 256 products is off by up to 1e-5 in float32, and so is the
    # weight that comes of it.
    return 2**-8 if rounds_weights else 2e-5


@DTYPES
@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_any_rows_of_any_slots(variant: LibraryVariant, dtype: torch.dtype, seed: int) -> None:
    library, case = load_library(variant), random_case(seed, dtype)
    found = case.attend(library)
    exact, size = case.exact()
    assert float(((found - exact).abs() / size).max()) < tolerance(library, dtype)


@DTYPES
@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_company_changes_no_bit(variant: LibraryVariant, dtype: torch.dtype, seed: int) -> None:
    library, case = load_library(variant), random_case(seed, dtype)
    together = case.attend(library)
    for row in Random(seed).sample(range(case.num_rows), min(5, case.num_rows)):
        assert case.alone(library, row).equal(together[row : row + 1])


@DTYPES
@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_blocks_in_which_nothing_is_seen_change_no_bit(
    variant: LibraryVariant, dtype: torch.dtype, seed: int
) -> None:
    """Holes are filled, and tables grow, when cells are taken that other rows write to."""
    library, case = load_library(variant), random_case(seed, dtype)
    before = case.attend(library)
    for work in case.works:
        work.slot.extend(Random(seed).randint(0, 12))
        for entry in range(work.slot.num_entries):
            if work.slot.table[entry] == HOLE:
                work.slot.put(entry, 0)
    assert case.attend(library).equal(before)


@DTYPES
@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_tasks_may_be_done_in_any_order(
    variant: LibraryVariant, dtype: torch.dtype, seed: int
) -> None:
    library, case = load_library(variant), random_case(seed, dtype)
    plan, results = case.plan(library), torch.empty(case.queries.shape)
    visible = plan.visible(case.window)
    layer = case.layer(case.queries, results, visible)
    layer.task_step = Random(seed).randint(0, 5)
    for task in Random(seed).sample(range(plan.num_tasks), plan.num_tasks):
        library.functions.duologue_attend(plan.struct, layer, task, task + 1)
    assert results.equal(case.run(plan, case.queries))


@settings(max_examples=15, deadline=None, derandomize=True)
@given(seed=SEEDS)
def test_agrees_with_both_ways_of_torch(variant: LibraryVariant, seed: int) -> None:
    case = random_case(seed, torch.float32)
    found = case.attend(load_library(variant))
    few = FewRows(case.works, 0, case.pool, torch.float32, case.queries.shape[1])
    assert torch.allclose(few.attend(0, case.queries, case.window, None), found, atol=1e-4)
    start = 0
    for work in case.works:
        rows = slice(start, start + work.num_rows)
        many = ManyRows([work], 0, case.pool, torch.float32)
        attended = many.attend(0, case.queries[rows], case.window, None)
        assert torch.allclose(attended, found[rows], atol=1e-4)
        start += work.num_rows


@DTYPES
@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=SEEDS, inputs=st.sampled_from(list(TYPES)))
def test_keys_and_values_are_rotated_and_written_on_the_way(
    variant: LibraryVariant, dtype: torch.dtype, seed: int, inputs: torch.dtype
) -> None:
    library, case = load_library(variant), random_case(seed, dtype)
    plan, (count, heads, dim) = case.plan(library), case.queries.shape
    kv_heads, rotated = case.pool.keys[0].shape[1], Random(seed).choice((dim, dim // 2))
    # As one fused product leaves them: in one row queries, keys, values, and what fills it up.
    generator = torch.Generator().manual_seed(seed)
    fused = torch.randn(count, (heads + 2 * kv_heads) * dim + 7, generator=generator).to(inputs)
    angles = torch.rand(count, rotated // 2, generator=generator) * 6
    cosines, sines = angles.cos(), angles.sin()
    untouched = _keys_and_values(case)
    results, visible = torch.empty(case.queries.shape), plan.visible(case.window)
    struct = case.layer(fused, results, visible)
    struct.new_keys = fused[:, heads * dim :].data_ptr()
    struct.new_values = fused[:, (heads + kv_heads) * dim :].data_ptr()
    struct.rotated, struct.scale = rotated, dim**-0.5
    struct.cosines, struct.sines = cosines.data_ptr(), sines.data_ptr()
    plan.attend(struct)

    queries, new = fused[:, : heads * dim].float(), fused[:, heads * dim : -7].float()
    queries = _rotate(queries.view(count, heads, dim), cosines, sines) * dim**-0.5
    new_keys, new_values = new.view(count, 2, kv_heads, dim).unbind(1)
    expected = _written(case, untouched, _rotate(new_keys, cosines, sines), new_values)
    for found, wanted in zip(_keys_and_values(case), expected, strict=True):
        assert torch.allclose(found, wanted, rtol=2**-7, atol=1e-6)
    case.queries = queries.to(dtype)
    exact, size = case.exact()
    assert float(((results - exact).abs() / size).max()) < max(0.03, tolerance(library, dtype))


def _keys_and_values(case: AttentionCase) -> list[Tensor]:
    return [case.pool.keys[0].clone(), case.pool.values[0].clone()]


def _written(
    case: AttentionCase, before: list[Tensor], new_keys: Tensor, new_values: Tensor
) -> list[Tensor]:
    keys, values = before
    row = 0
    for work in case.works:
        for cell in work.cells:
            block, place = work.slot.block_of(cell), cell % CELLS_PER_BLOCK
            keys[block, :, :, place] = new_keys[row]
            values[block, :, place] = new_values[row]
            row += 1
    return [keys, values]


def _rotate(heads: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """heads: [rows, heads, dim]; cosines and sines: [rows, rotated / 2]."""
    half = cosines.shape[1]
    one, two, rest = heads.split((half, half, heads.shape[2] - 2 * half), dim=-1)
    cosines, sines = cosines[:, None], sines[:, None]
    return torch.cat((one * cosines - two * sines, two * cosines + one * sines, rest), dim=-1)


def test_a_broken_row_stays_broken_and_alone(variant: LibraryVariant) -> None:
    case = random_case(12, torch.bfloat16)
    library = load_library(variant)
    whole = case.attend(library)
    case.queries[0] = torch.nan
    found = case.attend(library)
    assert found[0].isnan().all()
    assert found[1:].equal(whole[1:])


def test_exponentials(variant: LibraryVariant) -> None:
    values = torch.linspace(-87, 0, 1 << 20)
    results = torch.empty_like(values)
    functions = load_library(variant).functions
    functions.duologue_exponentials(values.data_ptr(), results.data_ptr(), len(values))
    exact = values.double().exp()
    assert float(((results - exact) / exact).abs().max()) < 2e-7
    assert results[-1] == 1
    special = torch.tensor([-torch.inf, -1e30, -100.0, torch.nan] * 4)
    functions.duologue_exponentials(special.data_ptr(), results.data_ptr(), 16)
    assert (results[:3] < 1e-37).all()
    assert results[3].isnan()


@pytest.mark.parametrize(
    ("dim", "dtype", "reason"),
    [
        (64, torch.float16, "float16"),
        (40, torch.float32, "40 dimensions"),
        (512, torch.float32, "512 dimensions"),
        (64, torch.bfloat16, ""),
    ],
)
def test_says_what_it_cannot_serve(
    variant: LibraryVariant, dim: int, dtype: torch.dtype, reason: str
) -> None:
    geometry = ModelGeometry(1, 2, 1, dim, 2 * dim, 10, 10)
    pool = BlockPool(geometry, num_blocks=1, device=torch.device("cpu"), dtype=dtype)
    assert reason in why_not(pool)
    assert bool(why_not(pool)) == bool(reason)
