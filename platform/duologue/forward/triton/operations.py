"""The kernels as functions of tensors; none of them waits for the device."""

from typing import Any

import torch
from torch import Tensor

from duologue.forward.triton import attention_kernels, layer_kernels
from duologue.forward.triton.shapes import AttentionShape, HeadShape, power_of_two

LOG2_E = 1.4426950408889634
GATE_TILE = 1024
UPDATE_ROWS, UPDATE_OUTPUTS, UPDATE_RANK = 16, 128, 16
STAGES_BYTES = 1 << 15
"""Keys of a head that are on their way at a time, at the most: there is other use for the place."""


def attend(
    queries: Tensor,  # [rows, heads, dim]
    keys: Tensor,  # [blocks, kv_heads, dim, cells]
    values: Tensor,  # [blocks, kv_heads, cells, dim]
    cells: Tensor,  # int32 [rows]
    items: Tensor,  # int32 [items * 8]
    plan: Tensor,  # int32
    heads: HeadShape,
    shape: AttentionShape,
) -> Tensor:
    """Attention of all rows, [rows, heads, dim]; 0 for rows of no item, which nobody reads."""
    num_rows = queries.shape[0]
    # Not whatever lies there, which could grow beyond all bounds from layer to layer.
    results = torch.zeros_like(queries)
    mixed, maxima, sums = results, results, results
    if shape.num_parts > 1:
        lines = (shape.num_parts, num_rows, heads.heads)
        mixed = queries.new_empty((*lines, heads.dim), dtype=torch.float32)
        maxima, sums = queries.new_empty((2, *lines), dtype=torch.float32)
    block_bytes = heads.dim_tile * attention_kernels.CELLS.value * keys.itemsize
    _launch(
        attention_kernels.attend_blocks,
        (shape.num_items, heads.kv_heads, shape.num_parts),
        queries,
        keys,
        values,
        mixed,
        maxima,
        sums,
        items,
        plan,
        heads.dim**-0.5 * LOG2_E,
        num_rows,
        KV_HEADS=heads.kv_heads,
        GROUP=heads.group,
        DIM=heads.dim,
        DIM_TILE=heads.dim_tile,
        TILE=shape.tile,
        PARTS=shape.num_parts,
        num_warps=4 if shape.tile <= 64 else 8,
        num_stages=max(1, min(3, STAGES_BYTES // block_bytes)),
    )
    if shape.num_parts > 1:
        _launch(
            attention_kernels.combine_parts,
            (num_rows, heads.heads),
            mixed,
            maxima,
            sums,
            cells,
            results,
            num_rows,
            HEADS=heads.heads,
            DIM=heads.dim,
            DIM_TILE=heads.dim_tile,
            PARTS=shape.num_parts,
            num_warps=2,
        )
    return results


def add_and_norm(
    states: Tensor,  # float32 [rows, width], changed in place
    change: Tensor | None,  # [rows, width]
    weights: Tensor,  # float32 [width]
    eps: float,
    dtype: torch.dtype,
) -> Tensor:
    """Add the change to the states; the norm of the sum, [rows, width]."""
    rows, width = states.shape
    normed = torch.empty_like(states, dtype=dtype)
    _launch(
        layer_kernels.add_and_norm,
        (rows,),
        states,
        states if change is None else change,
        weights,
        normed,
        eps,
        ADDS=change is not None,
        WIDTH=width,
        WIDTH_TILE=power_of_two(width),
        num_warps=8 if width > 2048 else 4,
    )
    return normed


def rotate_and_write(
    fused: Tensor,  # [rows, (heads + 2 * kv_heads) * dim]
    keys: Tensor,  # [blocks, kv_heads, dim, cells]
    values: Tensor,  # [blocks, kv_heads, cells, dim]
    cells: Tensor,  # int32 [rows]
    rotation: tuple[Tensor, Tensor],  # cosines and sines, float32 [rows, rotated / 2]
    norms: tuple[Tensor, Tensor] | None,  # of queries and of keys, float32 [dim]
    eps: float,
    heads: HeadShape,
) -> Tensor:
    """Write the rows' keys and values into their cells; the queries, [rows, heads, dim]."""
    cosines, sines = rotation
    query_norm, key_norm = norms or rotation
    queries = fused.new_empty((fused.shape[0], heads.heads, heads.dim))
    _launch(
        layer_kernels.rotate_and_write,
        (fused.shape[0], heads.kv_heads),
        fused,
        queries,
        keys,
        values,
        cells,
        cosines,
        sines,
        query_norm,
        key_norm,
        eps,
        KV_HEADS=heads.kv_heads,
        GROUP=heads.group,
        GROUP_TILE=power_of_two(heads.group + 1),
        DIM=heads.dim,
        DIM_TILE=heads.dim_tile,
        HALF=cosines.shape[1],
        NORMS=norms is not None,
        num_warps=1 if heads.group * heads.dim <= 512 else 4,
    )
    return queries


def gate(both: Tensor) -> Tensor:
    """SiLU of the first half of each row times the second; both: [rows, 2 * inner]."""
    rows, inner = both.shape[0], both.shape[1] // 2
    results = both.new_empty((rows, inner))
    tile = min(GATE_TILE, power_of_two(inner))
    _launch(layer_kernels.gate, (rows, -(-inner // tile)), both, results, INNER=inner, TILE=tile)
    return results


def add_update(results: Tensor, lowered: Tensor, up: Tensor, inputs: Tensor) -> None:
    """Add `lowered @ up` to rows of input channels, in place.

    results: [rows, outputs]; lowered: [rows, rank]; up: [rank, outputs]; inputs: int32 [rows].
    """
    rows, outputs = results.shape
    _launch(
        layer_kernels.add_update,
        (-(-rows // UPDATE_ROWS), -(-outputs // UPDATE_OUTPUTS)),
        lowered,
        up,
        inputs,
        results,
        rows,
        OUTPUTS=outputs,
        RANK=up.shape[0],
        RANK_TILE=UPDATE_RANK,
        ROW_TILE=UPDATE_ROWS,
        OUTPUT_TILE=UPDATE_OUTPUTS,
        num_warps=4,
    )


def _launch(kernel: Any, grid: tuple[int, ...], *arguments: Any, **sizes: Any) -> None:
    kernel[grid](*arguments, **sizes)
