"""Low-rank updates laid out as ranks.c reads them: of each block of outputs, what reaches it."""

from ctypes import Array
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from duologue.forward.joined_updates import Update
from duologue.forward.native.forward_structures import ReachStruct

BLOCK = 64
"""Outputs that lie together (linear.h)."""
HALF = BLOCK // 2
RANKS_TOGETHER = 32
"""A rank counts whole ones of these, for every width of vectors."""


@dataclass(frozen=True, slots=True)
class PackedUpdate:
    """The update of one layer, or of several that are computed as one."""

    down: Tensor  # float32 [inputs, rank]
    up: Tensor  # float32 [rows, BLOCK]
    reach: Array[ReachStruct]  # of each block


def packed_update(update: Update) -> PackedUpdate:
    """Lay an update out; its outputs are whole blocks.

    Ranks count for a half block from the first to the last that is not zero in all of it.
    """
    down, up = update
    rank, num_blocks = down.shape[0], up.shape[1] // BLOCK
    assert up.shape == (rank, num_blocks * BLOCK), (down.shape, up.shape)
    halves = up.view(rank, num_blocks, 2, HALF)
    reaches = (halves != 0).any(-1).permute(1, 2, 0)  # [blocks, 2, rank]
    reach = (ReachStruct * num_blocks)()
    rows = [torch.zeros(1, BLOCK)]  # an empty tensor has no address
    start = 1
    for block in range(num_blocks):
        spans = [_span(reaches[block, half]) for half in range(2)]
        count = max(end - first for first, end in spans)
        firsts = [min(first, rank - count) for first, _ in spans]
        parts = [halves[at : at + count, block, half] for half, at in enumerate(firsts)]
        rows.append(torch.cat(parts, dim=1))
        reach[block] = ReachStruct(tuple(firsts), count, start)
        start += count
    down_by_input = pad(down, (0, 0, 0, -rank % RANKS_TOGETHER)).T.contiguous()
    return PackedUpdate(down_by_input, torch.cat(rows), reach)


def _span(is_there: Tensor) -> tuple[int, int]:
    """From the first to behind the last."""
    places = is_there.nonzero().flatten().tolist()
    return (places[0], places[-1] + 1) if places else (0, 0)
