"""Attention over slots of cells, given to transformers as an attention implementation.

A model of the transformers library calls it in every layer with that layer's queries, keys and
values, and passes on the keyword `duologue_plan` of the forward. So any model that routes its
attention through `AttentionInterface` runs on our memory, and no model is rewritten.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from duologue.errors import ModelUnavailable
from duologue.forward.plan import AttentionPlan, Group

ATTENTION_NAME = "duologue"


def slot_attention(
    module: nn.Module,
    query: Tensor,  # [1, heads, rows, dim]
    key: Tensor,  # [1, kv_heads, rows, dim]
    value: Tensor,  # [1, kv_heads, rows, dim]
    attention_mask: Tensor | None,
    *,
    scaling: float,
    duologue_plan: AttentionPlan,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Write the rows' keys and values into their cells, then attend.

    Returns [1, rows, heads, dim] and, in the place of the weights, None.
    """
    if s_aux is not None or hasattr(module, "sinks"):
        raise ModelUnavailable("models with attention sinks are not supported")
    layer = module.layer_idx
    assert isinstance(layer, int), layer
    _write(duologue_plan, layer, key[0].transpose(0, 1), value[0].transpose(0, 1))
    rows = query[0].transpose(0, 1)  # [rows, heads, dim]
    result = torch.empty_like(rows, memory_format=torch.contiguous_format)
    for index, group in enumerate(duologue_plan.groups):
        bias = duologue_plan.bias(index, sliding_window)
        attended = _attend(group, layer, rows[group.row_of], bias, scaling, softcap)
        result[group.rows] = attended[group.places]
    return result[None], None


def _write(plan: AttentionPlan, layer: int, keys: Tensor, values: Tensor) -> None:
    """keys, values: [rows, kv_heads, dim]."""
    for write in plan.writes:
        write.bank.keys[layer][write.slots, :, write.cells] = keys[write.rows]
        write.bank.values[layer][write.slots, :, write.cells] = values[write.rows]


def _attend(
    group: Group, layer: int, queries: Tensor, bias: Tensor, scaling: float, softcap: float | None
) -> Tensor:
    """Grouped-query attention of one group.

    The queries that share a key head share one matrix product, and the keys are its left operand:
    they are the large one, and oneDNN reads a left operand as it lies but packs a right one.

    queries: [slots, rows, heads, dim]; result: [slots * rows, heads, dim].
    """
    slots, rows, heads, dim = queries.shape
    keys = group.bank.keys[layer][group.first : group.last, :, : group.extent].flatten(0, 1)
    values = group.bank.values[layer][group.first : group.last, :, : group.extent].flatten(0, 1)
    kv_heads, cells = group.bank.keys[layer].shape[1], group.extent
    shared = heads // kv_heads
    by_head = (queries * scaling).view(slots, rows, kv_heads, shared, dim).transpose(1, 2)
    flat = by_head.reshape(slots * kv_heads, rows * shared, dim)
    products = torch.bmm(keys, flat.transpose(1, 2))  # [slots * kv_heads, cells, rows * shared]
    scores = products.transpose(1, 2)
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    masked = torch.empty(
        slots, kv_heads, rows, shared, cells, dtype=scores.dtype, device=scores.device
    )
    torch.add(scores.view(masked.shape), bias, out=masked)
    weights = masked.softmax(dim=-1).view(slots * kv_heads, rows * shared, cells)
    mixed = torch.bmm(weights, values)
    per_row = mixed.view(slots, kv_heads, rows, shared, dim).transpose(1, 2)
    return per_row.reshape(slots * rows, heads, dim)


def register() -> None:
    """Make the implementation known to transformers as `ATTENTION_NAME`; harmless to repeat."""
    AttentionInterface.register(ATTENTION_NAME, slot_attention)
