"""Llama-like models as the library takes them: which they are, and their weights packed."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from duologue.forward.llama_like import (
    PackedAway,
    norm_of,
    release,
    rotation_of,
    why_unlike,
    windows,
)
from duologue.forward.native.packing import PackedWeights, Packer
from duologue.forward.native.structures import DIM_BLOCK, MAX_DIM, TYPES
from duologue.model.geometry import ModelGeometry


def why_not(network: PreTrainedModel) -> str:
    """Why the library cannot run this model, in words; empty if it can."""
    config: Any = network.config
    if network.device.type != "cpu":
        return f"the model is on {network.device}"
    if network.dtype not in TYPES:
        return f"weights are {str(network.dtype).removeprefix('torch.')}"
    unlike = why_unlike(network)
    if unlike:
        return unlike
    geometry = ModelGeometry.from_config(config)
    if geometry.head_dim % DIM_BLOCK or geometry.head_dim > MAX_DIM:
        return f"heads have {geometry.head_dim} dimensions, not a multiple of {DIM_BLOCK}"
    if geometry.hidden_size % 2 or config.intermediate_size % 2:
        return "it has an odd width"
    return ""


@dataclass(frozen=True, slots=True)
class PackedLayer:
    """One decoder layer; norms in float32."""

    qkv: PackedWeights
    output: PackedWeights
    gate_up: PackedWeights
    down: PackedWeights
    attention_norm: Tensor
    mlp_norm: Tensor
    query_norm: Tensor | None
    key_norm: Tensor | None


@dataclass(frozen=True, slots=True)
class PackedLlama:
    """All weights of a model, and the sizes that its configuration gives."""

    layers: tuple[PackedLayer, ...]
    head: PackedWeights
    final_norm: Tensor  # float32
    embedding: Tensor | None  # [tokens, hidden], in the model's format; None: the head's weights
    num_tokens: int  # that have an embedding
    frequencies: Tensor  # float32 [rotated / 2]
    rotary_scale: float
    geometry: ModelGeometry
    inner: int
    eps: float
    window: int | None
    dtype: torch.dtype


def pack_llama(
    network: PreTrainedModel, *, releases: bool = False, is_int8: bool = False
) -> PackedLlama:
    """Pack the weights of a model that `why_not` has nothing against.

    With `releases`, each linear layer gives its weights up as soon as they are packed, so that
    memory never holds all of them twice; the network itself cannot compute from then on. With
    `is_int8`, weights are rounded to 8-bit numbers.
    """
    body: Any = network.base_model
    config: Any = network.config
    geometry = ModelGeometry.from_config(config)
    packer = Packer(is_int8=is_int8)
    layers = []
    for layer in body.layers:
        layers.append(_pack_layer(layer, packer))
        if releases:
            release(layer)
    head: Any = network.get_output_embeddings()
    embedding = body.embed_tokens.weight.data
    is_tied = head.weight is body.embed_tokens.weight
    packed_head = packer.pack([head.weight.data], [head.bias])
    if releases:
        network.set_output_embeddings(PackedAway(head))
    if releases and is_tied:
        network.set_input_embeddings(PackedAway(body.embed_tokens))
    frequencies, rotary_scale = rotation_of(network)
    return PackedLlama(
        layers=tuple(layers),
        head=packed_head,
        final_norm=body.norm.weight.data.float(),
        embedding=None if is_tied else embedding,
        num_tokens=embedding.shape[0],
        frequencies=frequencies,
        rotary_scale=rotary_scale,
        geometry=geometry,
        inner=int(config.intermediate_size),
        eps=float(config.rms_norm_eps),
        window=windows(network)[0],
        dtype=network.dtype,
    )


def _pack_layer(layer: Any, packer: Packer) -> PackedLayer:
    attention, mlp = layer.self_attn, layer.mlp
    return PackedLayer(
        qkv=_pack(packer, attention.q_proj, attention.k_proj, attention.v_proj),
        output=_pack(packer, attention.o_proj),
        gate_up=packer.pack_gates(mlp.gate_proj.weight.data, mlp.up_proj.weight.data),
        down=_pack(packer, mlp.down_proj),
        attention_norm=layer.input_layernorm.weight.data.float(),
        mlp_norm=layer.post_attention_layernorm.weight.data.float(),
        query_norm=norm_of(attention, "q_norm"),
        key_norm=norm_of(attention, "k_norm"),
    )


def _pack(packer: Packer, *linears: nn.Linear) -> PackedWeights:
    weights = [linear.weight.data for linear in linears]
    return packer.pack(weights, [linear.bias for linear in linears])
