"""The small steps between the products of a layer, each one kernel."""

import triton
import triton.language as tl

from duologue.forward.triton.attention_kernels import CELLS


@triton.jit
def add_and_norm(
    states,  # float32 [rows, width], changed in place
    change,  # [rows, width]
    weights,  # float32 [width]
    normed,  # [rows, width]
    eps,
    ADDS: tl.constexpr,
    WIDTH: tl.constexpr,
    WIDTH_TILE: tl.constexpr,
):
    """Add what the last product gave, and norm (RMS) the sum for the next one."""
    place = tl.arange(0, WIDTH_TILE)
    within = place < WIDTH
    at = tl.program_id(0).to(tl.int64) * WIDTH + place
    state = tl.load(states + at, mask=within, other=0.0)
    if ADDS:
        state += tl.load(change + at, mask=within, other=0.0).to(tl.float32)
        tl.store(states + at, state, mask=within)
    scale = tl.rsqrt(tl.sum(state * state, 0) / WIDTH + eps)
    weight = tl.load(weights + place, mask=within, other=0.0)
    tl.store(normed + at, (state * scale * weight).to(normed.dtype.element_ty), mask=within)


@triton.jit(do_not_specialize_on_alignment=["cells"])
def rotate_and_write(
    fused,  # [rows, heads + 2 * kv_heads, dim]: queries, keys, values
    queries,  # [rows, heads, dim]
    keys,  # [blocks, kv_heads, dim, CELLS]
    values,  # [blocks, kv_heads, CELLS, dim]
    cells,  # int32 [rows]: block * CELLS + place; negative: written nowhere
    cosines,  # float32 [rows, HALF]
    sines,  # float32 [rows, HALF]
    query_norm,  # float32 [dim]
    key_norm,  # float32 [dim]
    eps,
    KV_HEADS: tl.constexpr,
    GROUP: tl.constexpr,
    GROUP_TILE: tl.constexpr,  # room for the group and the key
    DIM: tl.constexpr,
    DIM_TILE: tl.constexpr,
    HALF: tl.constexpr,
    NORMS: tl.constexpr,
):
    """Rotate a row's queries and keys by its position, normed before where the model does so.

    Keys and values go into the row's cell. A program has one key head with its group of queries.
    """
    row = tl.program_id(0).to(tl.int64)
    head = tl.program_id(1)
    dim = tl.arange(0, DIM_TILE)
    is_low = dim < HALF
    is_rotated = dim < 2 * HALF
    angle = row * HALF + tl.where(is_low, dim, dim - HALF)
    cosine = tl.load(cosines + angle, mask=is_rotated, other=1.0)
    sine = tl.load(sines + angle, mask=is_rotated, other=0.0)
    sine = tl.where(is_low, -sine, sine)
    other = tl.where(is_low, dim + HALF, tl.where(is_rotated, dim - HALF, dim))

    member = tl.arange(0, GROUP_TILE)
    is_key = member == GROUP
    source_head = tl.where(is_key, KV_HEADS * GROUP + head, head * GROUP + member)
    source = fused + row * ((KV_HEADS * GROUP + 2 * KV_HEADS) * DIM)
    at = source + source_head[:, None] * DIM
    within = (member <= GROUP)[:, None] & (dim < DIM)[None, :]
    vector = tl.load(at + dim[None, :], mask=within, other=0.0).to(tl.float32)
    turned = tl.load(at + other[None, :], mask=within, other=0.0).to(tl.float32)
    if NORMS:
        scale = tl.rsqrt(tl.sum(vector * vector, 1) / DIM + eps)[:, None]
        vector *= scale * tl.where(
            is_key[:, None],
            tl.load(key_norm + dim, mask=dim < DIM, other=0.0)[None, :],
            tl.load(query_norm + dim, mask=dim < DIM, other=0.0)[None, :],
        )
        turned *= scale * tl.where(
            is_key[:, None],
            tl.load(key_norm + other, mask=dim < DIM, other=0.0)[None, :],
            tl.load(query_norm + other, mask=dim < DIM, other=0.0)[None, :],
        )
    result = vector * cosine[None, :] + turned * sine[None, :]
    line = row * (KV_HEADS * GROUP) + head * GROUP + member
    tl.store(
        queries + line[:, None] * DIM + dim[None, :],
        result.to(queries.dtype.element_ty),
        mask=(member < GROUP)[:, None] & within,
    )
    cell = tl.load(cells + row)
    is_written = cell >= 0
    place = cell % CELLS
    start = ((cell // CELLS).to(tl.int64) * KV_HEADS + head) * (DIM * CELLS)
    tl.store(
        keys + start + place + (dim * CELLS)[None, :] + (member * 0)[:, None],
        result.to(keys.dtype.element_ty),
        mask=is_key[:, None] & within & is_written,
    )
    value = tl.load(
        source + (KV_HEADS * GROUP + KV_HEADS + head) * DIM + dim, mask=dim < DIM, other=0.0
    )
    tl.store(
        values + start + place * DIM + dim,
        value.to(values.dtype.element_ty),
        mask=(dim < DIM) & is_written,
    )


@triton.jit
def gate(
    both,  # [rows, 2 * inner]: gates, then what they are multiplied with
    results,  # [rows, inner]
    INNER: tl.constexpr,
    TILE: tl.constexpr,
):
    """SiLU of one half times the other."""
    row = tl.program_id(0).to(tl.int64)
    place = tl.program_id(1) * TILE + tl.arange(0, TILE)
    within = place < INNER
    source = both + row * (2 * INNER) + place
    gates = tl.load(source, mask=within, other=0.0).to(tl.float32)
    others = tl.load(source + INNER, mask=within, other=0.0).to(tl.float32)
    result = gates / (1.0 + tl.exp(-gates)) * others
    tl.store(results + row * INNER + place, result.to(results.dtype.element_ty), mask=within)


@triton.jit(do_not_specialize=["num_rows"], do_not_specialize_on_alignment=["inputs"])
def add_update(
    lowered,  # [rows, rank]: states times the first half of the update
    up,  # [rank, outputs]: the second half
    inputs,  # int32 [rows]: 1 for a row of an input channel
    results,  # [rows, outputs], changed in place in rows of input channels
    num_rows,
    OUTPUTS: tl.constexpr,
    RANK: tl.constexpr,
    RANK_TILE: tl.constexpr,
    ROW_TILE: tl.constexpr,
    OUTPUT_TILE: tl.constexpr,
):
    """The low-rank update of a linear layer, for rows of input channels and no others."""
    row = tl.program_id(0).to(tl.int64) * ROW_TILE + tl.arange(0, ROW_TILE)
    is_input = tl.load(inputs + row, mask=row < num_rows, other=0) != 0
    if tl.max(is_input.to(tl.int32), 0) == 0:
        return
    output = tl.program_id(1) * OUTPUT_TILE + tl.arange(0, OUTPUT_TILE)
    has_output = output < OUTPUTS
    change = tl.zeros([ROW_TILE, OUTPUT_TILE], tl.float32)
    for first in range(0, RANK, RANK_TILE):
        rank = first + tl.arange(0, RANK_TILE)
        has_rank = rank < RANK
        left = tl.load(
            lowered + row[:, None] * RANK + rank[None, :],
            mask=is_input[:, None] & has_rank[None, :],
            other=0.0,
        )
        right = tl.load(
            up + rank[:, None] * OUTPUTS + output[None, :],
            mask=has_rank[:, None] & has_output[None, :],
            other=0.0,
        )
        change += tl.dot(left, right, input_precision="ieee")
    target = results + row[:, None] * OUTPUTS + output[None, :]
    mask = is_input[:, None] & has_output[None, :]
    before = tl.load(target, mask=mask, other=0.0).to(tl.float32)
    tl.store(target, (before + change).to(results.dtype.element_ty), mask=mask)
