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
from duologue.forward.plan import AttentionPlan

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
    keys, values = key[0].transpose(0, 1), value[0].transpose(0, 1)  # [rows, kv_heads, dim]
    queries = query[0].transpose(0, 1) * scaling  # [rows, heads, dim]
    results = []
    for part in duologue_plan.parts:
        rows = slice(part.start, part.end)
        part.write(layer, keys[rows], values[rows])
        results.append(part.attend(layer, queries[rows], sliding_window, softcap))
    return torch.cat(results)[None] if len(results) > 1 else results[0][None], None


def register() -> None:
    """Make the implementation known to transformers as `ATTENTION_NAME`; harmless to repeat."""
    AttentionInterface.register(ATTENTION_NAME, slot_attention)
