"""Attention of one slot that has many rows, such as a prefill: two matrix products."""

import torch
from torch import Tensor

from duologue.forward.slot_rows import SlotRows, capped


class ManyRows(SlotRows):
    """Rows of a single slot, so that no other slot is padded to their number."""

    def attend(
        self, layer: int, queries: Tensor, window: int | None, softcap: float | None
    ) -> Tensor:
        slot = self.slots[0]
        keys = self.bank.keys[layer][slot, :, :, : self.extent]  # [kv_heads, dim, cells]
        values = self.bank.values[layer][slot, :, : self.extent]  # [kv_heads, cells, dim]
        rows, heads, dim = queries.shape
        kv_heads, _, cells = keys.shape
        by_head = queries.view(rows, kv_heads, -1, dim).transpose(0, 1)
        # The query heads that share a key head share its product.
        scores = torch.bmm(by_head.reshape(kv_heads, -1, dim), keys)
        scores = capped(scores.view(kv_heads, rows, -1, cells), softcap)
        weights = (scores + self.bias(window)).softmax(dim=-1)
        mixed = torch.bmm(weights.view(kv_heads, -1, cells), values)
        return mixed.view(kv_heads, rows, -1, dim).transpose(0, 1).reshape(rows, heads, dim)
