"""Attention over blocks of cells, by the rule of the two channels.

An item is some rows of one slot. A program takes an item, one key head and a part of the blocks of
the slot's table, and reads each of these once for all rows of the item, whichever channel they are
of, and for all query heads that share the key head. What a row sees of a block is one word with a
bit for each cell. Parts are put together by a second kernel.
"""

import triton
import triton.language as tl

UNALIGNED = ["cells", "maxima", "sums"]
"""Where these begin depends on the number of rows, and no kernel is to be compiled for that."""

CELLS = tl.constexpr(32)
"""Of a block; as many as a word has bits."""


@triton.jit(do_not_specialize=["num_rows"], do_not_specialize_on_alignment=UNALIGNED)
def attend_blocks(
    queries,  # [rows, heads, dim]
    keys,  # [blocks, kv_heads, dim, CELLS]
    values,  # [blocks, kv_heads, CELLS, dim]
    results,  # [rows, heads, dim]; with parts, float32 [parts, rows, heads, dim]
    maxima,  # float32 [parts, rows, heads]
    sums,  # float32 [parts, rows, heads]
    items,  # int32 [items, 8]: see plan.py
    plan,  # int32: tables of blocks and words, where the items say
    scale,  # of scores, times log2(e)
    num_rows,
    KV_HEADS: tl.constexpr,
    GROUP: tl.constexpr,
    DIM: tl.constexpr,
    DIM_TILE: tl.constexpr,
    TILE: tl.constexpr,
    PARTS: tl.constexpr,
):
    item = items + tl.program_id(0) * 8
    rows_here = tl.load(item + 1)
    if rows_here == 0:
        return
    head = tl.program_id(1)
    part = tl.program_id(2)
    first_row = tl.load(item)
    first_entry = tl.load(item + 2)
    end_entry = tl.load(item + 3)
    table = plan + tl.load(item + 4)
    words = plan + tl.load(item + 5)
    words_per_row = tl.load(item + 6)
    share = tl.cdiv(end_entry - first_entry, PARTS)
    begin = first_entry + part * share
    end = tl.minimum(begin + share, end_entry)

    lane = tl.arange(0, TILE)
    row = lane // GROUP
    is_row = row < rows_here
    line = (first_row + row).to(tl.int64) * (KV_HEADS * GROUP) + head * GROUP + lane % GROUP
    dim = tl.arange(0, DIM_TILE)
    place = tl.arange(0, CELLS)
    within = is_row[:, None] & (dim < DIM)[None, :]
    query = tl.load(queries + line[:, None] * DIM + dim[None, :], mask=within, other=0.0)

    best = tl.full([TILE], float("-inf"), tl.float32)
    total = tl.zeros([TILE], tl.float32)
    mixed = tl.zeros([TILE, DIM_TILE], tl.float32)
    for entry in range(begin, end):
        block = tl.load(table + entry).to(tl.int64)
        word = tl.load(words + row * words_per_row + entry, mask=is_row, other=0)
        start = (block * KV_HEADS + head) * (DIM * CELLS)
        key = tl.load(
            keys + start + dim[:, None] * CELLS + place[None, :],
            mask=(dim < DIM)[:, None],
            other=0.0,
        )
        scores = tl.dot(query, key, input_precision="ieee") * scale
        is_seen = ((word[:, None] >> place[None, :]) & 1) != 0
        scores = tl.where(is_seen, scores, float("-inf"))
        higher = tl.maximum(best, tl.max(scores, 1))
        # A row that has seen nothing so far has no maximum to measure by.
        base = tl.where(higher == float("-inf"), 0.0, higher)
        weights = tl.exp2(scores - base[:, None])
        shrink = tl.exp2(best - base)
        value = tl.load(
            values + start + place[:, None] * DIM + dim[None, :],
            mask=(dim < DIM)[None, :],
            other=0.0,
        )
        total = total * shrink + tl.sum(weights, 1)
        mixed = mixed * shrink[:, None]
        mixed += tl.dot(weights.to(value.dtype), value, input_precision="ieee")
        best = higher

    if PARTS == 1:
        mixed = mixed / tl.where(total == 0.0, 1.0, total)[:, None]
        tl.store(
            results + line[:, None] * DIM + dim[None, :],
            mixed.to(results.dtype.element_ty),
            mask=within,
        )
    else:
        line += part * num_rows * (KV_HEADS * GROUP)
        tl.store(maxima + line, best, mask=is_row)
        tl.store(sums + line, total, mask=is_row)
        tl.store(results + line[:, None] * DIM + dim[None, :], mixed, mask=within)


@triton.jit(do_not_specialize=["num_rows"], do_not_specialize_on_alignment=UNALIGNED)
def combine_parts(
    mixed,  # float32 [parts, rows, heads, dim]
    maxima,  # float32 [parts, rows, heads]
    sums,  # float32 [parts, rows, heads]
    cells,  # int32 [rows], negative for a row that only fills up a batch
    results,  # [rows, heads, dim]
    num_rows,
    HEADS: tl.constexpr,
    DIM: tl.constexpr,
    DIM_TILE: tl.constexpr,
    PARTS: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    if tl.load(cells + row) < 0:
        return
    own = row * HEADS + tl.program_id(1)
    line = tl.arange(0, PARTS) * (num_rows * HEADS) + own
    dim = tl.arange(0, DIM_TILE)
    maximum = tl.load(maxima + line)
    # Every row sees itself, so one of the parts has a maximum.
    weights = tl.exp2(maximum - tl.max(maximum, 0))
    total = tl.sum(weights * tl.load(sums + line), 0)
    at = line[:, None] * DIM + dim[None, :]
    part = tl.load(mixed + at, mask=(dim < DIM)[None, :], other=0.0)
    result = tl.sum(part * weights[:, None], 0) / total
    tl.store(results + own * DIM + dim, result.to(results.dtype.element_ty), mask=dim < DIM)
