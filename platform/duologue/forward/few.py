"""Attention of many slots that have few rows each: ragged, without padding and without copies.

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


class FewRows(SlotRows):
    """Rows of any slots of one bank; each row and query head is a bag."""

    def __init__(
        self, works: Sequence[SlotWork], start: int, dtype: torch.dtype, num_heads: int
    ) -> None:
        super().__init__(works, start, dtype)
        _, kv_heads, dim, capacity = self.bank.keys[0].shape
        heads = torch.arange(num_heads, device=self.slots.device) // (num_heads // kv_heads)
        places = (self.slots[:, None] * kv_heads + heads).int().view(-1, 1)  # [rows * heads, 1]
        self._keys = _Bags(places * dim, dim)
        self._values = _Bags(places * capacity, self.extent)

    def attend(
        self, layer: int, queries: Tensor, window: int | None, softcap: float | None
    ) -> Tensor:
        keys, values = self.bank.keys[layer], self.bank.values[layer]
        _, _, dim, capacity = keys.shape
        scores = self._keys.sums(keys.view(-1, capacity), queries)
        scores = capped(scores.view(*queries.shape[:2], capacity)[:, :, : self.extent], softcap)
        weights = (scores + self.bias(window)).softmax(dim=-1)  # [rows, heads, cells]
        return self._values.sums(values.view(-1, dim), weights).view_as(queries)


class _Bags:
    """Bags of `count` neighbouring rows of a table, each from its own start on."""

    def __init__(self, starts: Tensor, count: int) -> None:
        """starts: int32 [bags, 1]"""
        rows = starts + torch.arange(count, device=starts.device, dtype=torch.int32)
        self._rows = rows.view(-1)
        self._offsets = torch.arange(0, rows.numel(), count, device=rows.device, dtype=torch.int32)

    def sums(self, table: Tensor, weights: Tensor) -> Tensor:
        """Weighted sum of each bag's rows; table: [num, width] -> [bags, width]."""
        return embedding_bag(
            self._rows,
            table,
            self._offsets,
            mode="sum",
            per_sample_weights=weights.reshape(-1),
        )
