"""The small kernels, played by Triton's interpreter, against plain torch."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import rms_norm, silu

from duologue.forward.triton.operations import add_and_norm, add_update, gate, rotate_and_write
from duologue.forward.triton.shapes import HeadShape
from duologue.kv.blocks import CELLS_PER_BLOCK

EPS = 1e-5
seeds = st.integers(0, 1000)


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=8)
@given(seeds, st.integers(1, 4), st.sampled_from((1, 48, 100)), st.booleans())
def test_add_and_norm(seed: int, rows: int, width: int, adds: bool) -> None:
    states, change, weights = (
        drawn(seed, rows, width),
        drawn(seed + 1, rows, width),
        drawn(2, width),
    )
    total = states + change if adds else states.clone()
    normed = add_and_norm(states, change if adds else None, weights, EPS, torch.float32)
    torch.testing.assert_close(states, total)
    torch.testing.assert_close(normed, rms_norm(total, (width,), weights, EPS))


@settings(max_examples=6)
@given(seeds, st.integers(1, 3), st.sampled_from((7, 64, 1100)))
def test_gate(seed: int, rows: int, inner: int) -> None:
    both = drawn(seed, rows, 2 * inner) * 5
    torch.testing.assert_close(gate(both), silu(both[:, :inner]) * both[:, inner:])


@settings(max_examples=12)
@given(
    seeds,
    st.sampled_from((HeadShape(2, 3, 16), HeadShape(1, 1, 24), HeadShape(2, 2, 80))),
    st.booleans(),
    st.booleans(),
)
def test_rotate_and_write(seed: int, heads: HeadShape, has_norms: bool, is_partial: bool) -> None:
    rows, half = 3, heads.dim // (4 if is_partial else 2)
    fused = drawn(seed, rows, heads.heads + 2 * heads.kv_heads, heads.dim)
    angles = drawn(seed + 1, rows, half)
    norms = (drawn(3, heads.dim), drawn(4, heads.dim)) if has_norms else None
    keys = drawn(5, 4, heads.kv_heads, heads.dim, CELLS_PER_BLOCK)
    values = drawn(6, 4, heads.kv_heads, CELLS_PER_BLOCK, heads.dim)
    wanted_keys, wanted_values = keys.clone(), values.clone()
    cells = torch.tensor([70, -1, 31], dtype=torch.int32)
    parts = [heads.heads, heads.kv_heads, heads.kv_heads]
    queries, new_keys, new_values = fused.split(parts, dim=1)
    if norms is not None:
        queries = rms_norm(queries, (heads.dim,), norms[0], EPS)
        new_keys = rms_norm(new_keys, (heads.dim,), norms[1], EPS)
    queries, new_keys = (rotated(part, angles) for part in (queries, new_keys))
    for row, cell in enumerate(cells.tolist()):
        if cell >= 0:
            block, place = divmod(cell, CELLS_PER_BLOCK)
            wanted_keys[block, :, :, place] = new_keys[row]
            wanted_values[block, :, place] = new_values[row]
    rotation = angles.cos(), angles.sin()
    found = rotate_and_write(fused.flatten(1), keys, values, cells, rotation, norms, EPS, heads)
    torch.testing.assert_close(found, queries)
    torch.testing.assert_close(keys, wanted_keys)
    assert values.equal(wanted_values)


def rotated(vectors: Tensor, angles: Tensor) -> Tensor:
    """vectors: [rows, heads, dim]; angles: [rows, half], of the first dimensions."""
    half = angles.shape[1]
    cosines, sines = angles.cos()[:, None], angles.sin()[:, None]
    low, high, rest = vectors.split([half, half, vectors.shape[2] - 2 * half], dim=2)
    return torch.cat([low * cosines - high * sines, high * cosines + low * sines, rest], dim=2)


@settings(max_examples=8)
@given(
    seeds, st.lists(st.booleans(), min_size=1, max_size=18), st.sampled_from(((3, 40), (34, 150)))
)
def test_updates_are_for_rows_of_input_channels(
    seed: int, chosen: list[bool], sizes: tuple[int, int]
) -> None:
    rank, outputs = sizes
    before = drawn(seed, len(chosen), outputs)
    lowered, up = drawn(seed + 1, len(chosen), rank), drawn(2, rank, outputs)
    inputs, results = torch.tensor(chosen).int(), before.clone()
    add_update(results, lowered, up, inputs)
    is_input = torch.tensor(chosen)
    assert results[~is_input].equal(before[~is_input])
    wanted = before + lowered @ up
    torch.testing.assert_close(results[is_input], wanted[is_input], rtol=1e-5, atol=1e-5)
