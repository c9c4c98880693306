"""Low-rank updates of input rows, joined as the layers are that they belong to."""

from collections.abc import Mapping

import torch

from duologue.forward.input_lora import LowRank
from duologue.forward.joined_updates import Update, joined_update
from duologue.forward.native.llama import PackedLlama
from duologue.forward.native.packed_update import PackedUpdate, packed_update
from duologue.forward.native.packing import interleaved


def layer_updates(
    updates: Mapping[str, LowRank], number: int, llama: PackedLlama
) -> dict[str, PackedUpdate | None]:
    """The updates of one decoder layer's products, by the names of `PackedLayer`.

    `updates` go by the layers' names in the body.
    """
    layer, geometry = llama.layers[number], llama.geometry
    queries, keys = (
        heads * geometry.head_dim for heads in (geometry.num_heads, geometry.num_kv_heads)
    )

    def found(*names: str) -> list[LowRank | None]:
        return [updates.get(f"layers.{number}.{name}") for name in names]

    qkv = found("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
    gates = found("mlp.gate_proj", "mlp.up_proj")
    joined = {
        "qkv": joined_update(qkv, [queries, keys, keys], layer.qkv.outputs),
        "output": joined_update(found("self_attn.o_proj"), [0], layer.output.outputs),
        "gate_up": _joined_gates(gates, llama.inner),
        "down": joined_update(found("mlp.down_proj"), [0], layer.down.outputs),
    }
    return {
        name: None if update is None else packed_update(update) for name, update in joined.items()
    }


def _joined_gates(parts: list[LowRank | None], width: int) -> Update | None:
    """Updates of layers whose outputs alternate."""
    downs, ups = [], []
    for place, part in enumerate(parts):
        if part is None:
            continue
        halves = [torch.zeros(width, part.up.shape[1])] * 2
        halves[place] = part.up.float()
        downs.append(part.down.float())
        ups.append(interleaved(*halves).T)
    return (torch.cat(downs).contiguous(), torch.cat(ups).contiguous()) if downs else None
