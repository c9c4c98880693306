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
        self._key_rows = _rows_from(places * dim, dim)
        self._value_rows = _rows_from(places * capacity, self.extent)

    def attend(
        self, layer: int, queries: Tensor, window: int | None, softcap: float | None
    ) -> Tensor:
        keys, values = self.bank.keys[layer], self.bank.values[layer]
        _, _, dim, capacity = keys.shape
        scores = _weighted_sums(keys.view(-1, capacity), self._key_rows, queries)
        scores = capped(scores.view(*queries.shape[:2], capacity)[:, :, : self.extent], softcap)
        weights = (scores + self.bias(window)).softmax(dim=-1)  # [rows, heads, cells]
        return _weighted_sums(values.view(-1, dim), self._value_rows, weights).view_as(queries)


def _rows_from(starts: Tensor, count: int) -> Tensor:
    """`count` row numbers from each start on; starts: [bags, 1], result: [bags, count]."""
    return starts + torch.arange(count, device=starts.device, dtype=torch.int32)


def _weighted_sums(table: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
    """One sum of table rows per bag; table: [num, width], rows: [bags, count] -> [bags, width]."""
    return embedding_bag(rows, table, mode="sum", per_sample_weights=weights.reshape(rows.shape))
