"""Attention of many slots that have few rows each: without copies of keys and values.

A product of a few queries with the keys of one slot is too small for a matrix product: most of the
time goes into packing the keys. Both steps of attention are weighted sums of rows, though: scores
are the rows of the transposed keys weighted by the query, the result is the rows of the values
weighted by the attention. `embedding_bag` is that sum for any number of rows (bags) at once. It
reads keys and values as they lie, at the speed of the memory.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from duologue.forward.slot_rows import SlotRows, SlotWork, capped
from duologue.kv.blocks import CELLS_PER_BLOCK, BlockPool


class FewRows(SlotRows):
    """Rows of any slots; each row, query head and block is a bag of keys."""

    def __init__(
        self,
        works: Sequence[SlotWork],
        start: int,
        pool: BlockPool,
        dtype: torch.dtype,
        num_heads: int,
    ) -> None:
        super().__init__(works, start, pool, dtype)
        _, kv_heads, dim, _ = pool.keys[0].shape
        heads = torch.arange(num_heads, device=self.tables.device) // (num_heads // kv_heads)
        blocks = self.tables[:, None, :] * kv_heads + heads[:, None]  # [rows, heads, entries]
        blocks = blocks.int().view(-1, 1)
        self._keys = _Bags(_neighbours(blocks * dim, dim))
        places = _neighbours(blocks * CELLS_PER_BLOCK, CELLS_PER_BLOCK)
        self._values = _Bags(places.view(-1, self.num_entries * CELLS_PER_BLOCK))

    def attend(
        self, layer: int, queries: Tensor, window: int | None, softcap: float | None
    ) -> Tensor:
        keys, values = self.pool.keys[layer], self.pool.values[layer]
        rows, heads, dim = queries.shape
        spread = queries[:, :, None].expand(rows, heads, self.num_entries, dim)
        scores = self._keys.sums(keys.view(-1, CELLS_PER_BLOCK), spread)
        scores = capped(scores.view(rows, heads, -1), softcap)
        weights = (scores + self.bias(window)).softmax(dim=-1)  # [rows, heads, cells]
        return self._values.sums(values.view(-1, dim), weights).view_as(queries)


class _Bags:
    """Rows of a table, as many in each bag."""

    def __init__(self, rows: Tensor) -> None:
        """rows: int32 [bags, rows of each]"""
        self._rows = rows.reshape(-1)
        step = rows.shape[1]
        self._offsets = torch.arange(0, rows.numel(), step, device=rows.device, dtype=torch.int32)

    def sums(self, table: Tensor, weights: Tensor) -> Tensor:
        """Weighted sum of each bag's rows; table: [num, width] -> [bags, width]."""
        return embedding_bag(
            self._rows,
            table,
            self._offsets,
            mode="sum",
            per_sample_weights=weights.reshape(-1),
        )


def _neighbours(starts: Tensor, count: int) -> Tensor:
    """starts: int32 [n, 1] -> [n, count]: each start and the numbers after it."""
    return starts + torch.arange(count, device=starts.device, dtype=torch.int32)
