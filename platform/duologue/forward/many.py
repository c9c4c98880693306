"""Attention of one slot that has many rows, such as a prefill: two matrix products."""

import torch
from torch import Tensor

from duologue.forward.slot_rows import SlotRows, capped


class ManyRows(SlotRows):
    """Rows of a single slot, so that no other slot is padded to their number."""

    def attend(
        self, layer: int, queries: Tensor, window: int | None, softcap: float | None
    ) -> Tensor:
        table = self.tables[0].long()
        # Its blocks side by side: [kv_heads, dim, cells] and [kv_heads, cells, dim].
        keys = self.pool.keys[layer][table].permute(1, 2, 0, 3).flatten(2)
        values = self.pool.values[layer][table].transpose(0, 1).flatten(1, 2)
        rows, heads, dim = queries.shape
        kv_heads, _, cells = keys.shape
        by_head = queries.view(rows, kv_heads, -1, dim).transpose(0, 1)
        # The query heads that share a key head share its product.
        scores = torch.bmm(by_head.reshape(kv_heads, -1, dim), keys)
        scores = capped(scores.view(kv_heads, rows, -1, cells), softcap)
        weights = (scores + self.bias(window)).softmax(dim=-1)
        mixed = torch.bmm(weights.view(kv_heads, -1, cells), values)
        return mixed.view(kv_heads, rows, -1, dim).transpose(0, 1).reshape(rows, heads, dim)
